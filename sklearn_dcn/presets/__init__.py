r"""Presets by name, published recipes among them, and search spaces for tuning.

=================== ==========================================================
name                recipe
=================== ==========================================================
"dcn2017"           DCN on Criteo, Wang et al. 2017 [1]_
"dcnv2"             DCN-V2 on Criteo, Wang et al. 2021 [2]_
"dcn_mix"           DCN-Mix on Criteo, Wang et al. 2021 [2]_
"bars_criteo_x1"    DCN-V2 of the BARS benchmark [3]_ on Criteo_x1
"bars_criteo_x4"    the same on Criteo_x4_001
"bars_avazu_x1"     the same on Avazu_x1
"bars_avazu_x4"     the same on Avazu_x4_001
"gdcn"              GDCN-P, the authors' code of Wang et al. 2023 [4]_
"fcn"               FCN (DCNv3) on Criteo_x4, the authors' code and logs [5]_
"fast"              less time than the defaults, for a first look or a search
"best"              more time than the defaults, for lower losses
=================== ==========================================================

"fast" and "best" differ from the defaults only in what decides the time of a fit.

A recipe is what was published for tens of millions of rows: for a small table it is
slow, and seldom better than the defaults. `PRESETS[name].deviations` says what the
estimators do differently.

Parameters without a published value keep the estimators' defaults, except for
`category_dropout`: it is 0 in all recipes, as none of the sources has it.

References
----------
.. [1] Wang et al., "Deep & Cross Network for Ad Click Predictions", 2017,
   arXiv:1708.05123, section 4.
.. [2] Wang et al., "DCN V2: Improved Deep & Cross Network and Practical Lessons for
   Web-scale Learning to Rank Systems", 2021, arXiv:2008.13535, section 7.
.. [3] Zhu et al., "BARS: Towards Open Benchmarking for Recommender Systems", 2022,
   arXiv:2205.09626; the logs under ``ranking/ctr/DCNv2`` of github.com/reczoo/BARS.
.. [4] Wang et al., "Towards Deeper, Lighter and Interpretable Cross Network for CTR
   Prediction", 2023, arXiv:2311.04635; github.com/anonctr/GDCN.
.. [5] Li et al., "FCN: Fusing Exponential and Linear Cross Network for Click-Through
   Rate Prediction", 2025, arXiv:2407.13349; github.com/salmon1802/FCN.
"""

from .recipes import PRESETS, Preset, get_preset, list_presets
from .spaces import search_space, suggest_parameters

__all__ = [
    "PRESETS",
    "Preset",
    "get_preset",
    "list_presets",
    "search_space",
    "suggest_parameters",
]
