"""Every library that makes requests, in the ways that it is used: each returns status and body."""

import asyncio
import http.client
import json
import unittest
import urllib.error
import urllib.request

try:
    import aiohttp
    import httpx
    import requests
except ImportError as missing:
    raise unittest.SkipTest(f"{missing.name} is not installed") from missing


def by_httpx(method, url, body=None):
    with httpx.Client() as client:
        response = client.request(method, url, json=body)
        return response.status_code, response.content


def by_httpx_async(method, url, body=None):
    async def ask():
        async with httpx.AsyncClient() as client:
            response = await client.request(method, url, json=body)
            return response.status_code, response.content

    return asyncio.run(ask())


def by_httpx_stream(method, url, body=None):
    with httpx.stream(method, url, json=body) as response:
        return response.status_code, b"".join(response.iter_bytes(7))


def by_requests(method, url, body=None):
    with requests.Session() as session:
        response = session.request(method, url, json=body)
        return response.status_code, response.content


def by_requests_stream(method, url, body=None):
    with requests.request(method, url, json=body, stream=True) as response:
        return response.status_code, b"".join(response.iter_content(7))


def by_urllib(method, url, body=None):
    raw = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=raw, method=method)
    if raw is not None:
        request.add_header("content-type", "application/json")
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def by_http_client(method, url, body=None):
    host, _, path = url.partition("://")[2].partition("/")
    connection = http.client.HTTPConnection(host)
    try:
        connection.request(method, f"/{path}", body=json.dumps(body) if body is not None else None)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def by_aiohttp(method, url, body=None):
    async def ask():
        async with aiohttp.ClientSession() as session:
            async with session.request(method, url, json=body) as response:
                return response.status, await response.read()

    return asyncio.run(ask())


def by_aiohttp_chunks(method, url, body=None):
    async def ask():
        async with aiohttp.ClientSession() as session:
            async with session.request(method, url, json=body) as response:
                return response.status, b"".join([part async for part in response.content.iter_chunked(7)])

    return asyncio.run(ask())


LIBRARIES = [
    by_httpx,
    by_httpx_async,
    by_httpx_stream,
    by_requests,
    by_requests_stream,
    by_urllib,
    by_http_client,
    by_aiohttp,
    by_aiohttp_chunks,
]
