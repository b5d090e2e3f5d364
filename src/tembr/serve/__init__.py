"""A service for programs and browsers: HTTP, WebSocket, the page."""
