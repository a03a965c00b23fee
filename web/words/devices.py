"""Browsers and systems in words."""

from functools import lru_cache


@lru_cache(maxsize=1024)
def device(agent: str) -> str:
    """Browser and system in words, as far as a User-Agent tells; "" when it tells nothing."""
    browsers = {"Edg/": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "Chrome/": "Chrome", "Safari/": "Safari"}
    systems = {
        "Android": "Android",
        "iPhone": "iPhone",
        "iPad": "iPad",
        "Windows": "Windows",
        "Mac OS": "macOS",
        "Linux": "Linux",
    }
    browser = next((name for sign, name in browsers.items() if sign in agent), "")
    system = next((name for sign, name in systems.items() if sign in agent), "")
    return " no ".join(part for part in (browser, system) if part)
