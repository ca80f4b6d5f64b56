"""Parameters of estimators that several files share."""

NOISY = {
    "dropout": 0.3,
    "category_dropout": 0.1,
    "early_stopping": True,
    "batch_size": 32,
    "max_epochs": 4,
    "hidden_layer_sizes": (16,),
    "cross": "mixture",
}
BRIEF = {
    "hidden_layer_sizes": (16,),
    "max_epochs": 5,
    "batch_size": 50,
    "learning_rate": 0.01,
    "random_state": 0,
}
PLAIN = {
    "hidden_layer_sizes": (8,),
    "memorized_crosses": None,
    "calibrate": False,
    "dtype": "float64",
    "random_state": 0,
}
