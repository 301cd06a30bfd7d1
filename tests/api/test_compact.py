"""Assets are kept by browsers for ever, and only answers without secrets are compressed."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from ui import design
from ui.app import create_api


@pytest.fixture
def stranger(engine: Engine) -> Iterator[TestClient]:
    with TestClient(create_api(engine, "test"), base_url="http://localhost") as client:
        yield client


@pytest.mark.parametrize("name", ["console.js", "console.css", "customer.css", "plain.css", "favicon.svg"])
def test_browsers_keep_an_asset_under_the_address_of_its_content(stranger: TestClient, name: str) -> None:
    answer = stranger.get(design.url_of(name))
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-type"].split(";")[0] in ("text/javascript", "text/css", "image/svg+xml")


@pytest.mark.parametrize("query", ["", "?v=00000000", "?v="])
def test_an_asset_under_another_address_is_asked_for_again(stranger: TestClient, query: str) -> None:
    answer = stranger.get(f"/assets/console.css{query}")
    assert answer.headers["cache-control"] == "no-cache"


def test_a_page_s_style_sheet_contains_the_shared_ones(stranger: TestClient) -> None:
    sheet = stranger.get(design.url_of("customer.css")).text
    for part in ("tokens.css", "base.css", "customer.css"):
        assert (design.ASSETS / part).read_text() in sheet


@pytest.mark.parametrize("path", ["/assets/nowhere.css", "/assets/../app.py", "/assets/%2e%2e/app.py", "/assets/"])
def test_other_files_are_no_assets(stranger: TestClient, path: str) -> None:
    assert stranger.get(path).status_code == 404


def test_assets_and_answers_of_the_api_are_compressed(stranger: TestClient) -> None:
    for path in (design.url_of("console.css"), "/api/openapi.json"):
        assert stranger.get(path).headers["content-encoding"] == "gzip"
        assert "content-encoding" not in stranger.get(path, headers={"Accept-Encoding": "identity"}).headers


def test_answers_to_changes_are_not_compressed(stranger: TestClient) -> None:
    refused = stranger.post("/api/auth/login", json={"email": "x" * 3_000, "password": "y"})
    assert len(refused.content) > 0
    assert "content-encoding" not in refused.headers
