"""The schema registry, as the generator reads it."""

from .api import Api as Api
from .connect import connect as connect
from .connect import opened as opened
from .fetch import Fetched as Fetched
from .fetch import fetch as fetch
