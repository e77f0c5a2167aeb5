"""Why a Protobuf message does not decode or encode, in the words of both engines. More: `reasons`."""

from __future__ import annotations

from typing import Final

BAD_TAG: Final = "a tag has an invalid field number or wire type"
LONG_SIZE: Final = "a length takes more than 5 bytes"
NO_GROUP_END: Final = "a group does not end"
STRAY_GROUP_END: Final = "a group ends that did not begin"
MISSING: Final = "a required field is missing"
SEVERAL_MEMBERS: Final = "several members of one oneof are set"
TOO_LONG: Final = "the message has more than the 2 GiB that Protobuf allows"
