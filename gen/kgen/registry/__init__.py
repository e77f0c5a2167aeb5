"""The schema registry, as the generator reads it."""

from .api import Api as Api
from .fetcher import Fetched as Fetched
from .fetcher import fetch as fetch
from .session import Access as Access
from .session import Setting as Setting
from .session import connected as connected
from .session import opened as opened
