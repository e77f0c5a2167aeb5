"""The schema registry, as the generator reads it."""

from .api import Api as Api
from .fetcher import Fetched as Fetched
from .fetcher import fetch as fetch
from .session import connect as connect
from .session import opened as opened
