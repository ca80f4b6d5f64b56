"""Archives: members of other names, numbers, sizes or bytes are refused, unread."""

import struct
import tracemalloc
import zipfile

import pytest
from helpers.saved_files import MEMBERS, members_of, seal, write_zip

from sklearn_dcn import LoadError, load


@pytest.mark.parametrize(
    "name", ["../x.json", "/etc/passwd", "a/b.json", "C:\\x.json", "x.pkl.json", ""]
)
def test_names_that_lead_elsewhere(name, path):
    members = members_of(path)

    def write(archive):
        for member in [*members, name]:
            archive.writestr(zipfile.ZipInfo(member), members.get(member, b"x"))

    write_zip(path, write)
    with pytest.raises(LoadError, match="a member of the name"):
        load(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_twice_more_or_less(path):
    members = members_of(path)
    for names, match in [
        ([*MEMBERS, MEMBERS[0]], "a member of the name 'config.json'"),
        ([*MEMBERS, "more.json"], r"the members \['arrays.safetensors', 'config.json"),
        (MEMBERS[:1], r"the members \['config.json'\]"),
        (MEMBERS[1:], "has no config.json"),
        ([], "save|has no config.json"),
    ]:
        write_zip(
            path,
            lambda archive, names=names: [
                archive.writestr(name, members.get(name, b"{}")) for name in names
            ],
        )
        with pytest.raises(LoadError, match=match):
            load(path)


def test_a_zip_bomb_is_not_unpacked(path):
    """Compressed members are refused, whatever size they say they are."""
    members = members_of(path)

    def write(archive):
        archive.writestr("config.json", members["config.json"])
        zeros = b"\0" * 50_000_000
        archive.writestr("arrays.safetensors", zeros, zipfile.ZIP_DEFLATED)

    write_zip(path, write)
    assert path.stat().st_size < 200_000
    tracemalloc.start()
    with pytest.raises(LoadError, match=r"'arrays\.safetensors' is not plainly stored"):
        load(path)
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("offset", "value", "match"),
    [
        (8, struct.pack("<H", 1), "not plainly stored"),  # encrypted
        (10, struct.pack("<H", 8), "not plainly stored"),  # deflated
        (20, struct.pack("<LL", 2**31, 2**31), "larger than itself"),  # sizes
        (24, struct.pack("<L", 7), "not plainly stored"),
        (42, struct.pack("<L", 2**31), "cannot be read"),  # where it begins
        (0, b"PK\0\0", "not a zip file"),
    ],
)
def test_a_directory_that_lies(offset, value, match, path):
    """Fields of the first entry of the zip's directory, with the right checksum."""
    content = bytearray(path.read_bytes())
    at = content.index(b"PK\x01\x02") + offset
    content[at : at + len(value)] = value
    path.write_bytes(seal(bytes(content)))
    with pytest.raises(LoadError, match=match):
        load(path)


def test_the_crc_of_a_member_is_checked(path):
    content = bytearray(path.read_bytes())
    content[200] ^= 1
    path.write_bytes(seal(bytes(content)))
    with pytest.raises(LoadError, match=r"member 'config\.json' cannot be read"):
        load(path)
