"""OAuth 1 signatures, against the figures of RFC 5849."""

from engine.brokers.etrade.sign import authorization, signature

PHOTOS = {
    "oauth_consumer_key": "dpf43f3p2l4k3l03",
    "oauth_token": "nnch734d00sl2jdk",
    "oauth_signature_method": "HMAC-SHA1",
    "oauth_timestamp": "137131202",
    "oauth_nonce": "chapoH",
}
SECRETS = ("kd94hf93k423kf44", "pfkkdhi9sl3r4s00")


def test_the_example_of_the_rfc() -> None:
    """RFC 5849, 1.2: query and fields are signed together."""
    url = "http://photos.example.net/photos?file=vacation.jpg&size=original"
    assert signature("GET", url, PHOTOS, *SECRETS) == "MdpQcU8iPSUjWoN/UDMsK2sui9I="


def test_a_request_for_a_token_has_no_second_secret() -> None:
    """RFC 5849, 1.2: the first request."""
    said = {
        "oauth_consumer_key": "dpf43f3p2l4k3l03",
        "oauth_signature_method": "HMAC-SHA1",
        "oauth_timestamp": "137131200",
        "oauth_nonce": "wIjqoS",
        "oauth_callback": "http://printer.example.com/ready",
    }
    url = "https://photos.example.net/initiate"
    assert signature("POST", url, said, SECRETS[0]) == "74KNZJeDHnMBp0EMJ9ZHt/XKycU="


def test_the_header_says_every_field_percent_encoded() -> None:
    url = "http://photos.example.net/photos?file=vacation.jpg&size=original"
    said = authorization("GET", url, PHOTOS | {"oauth_verifier": "a b/é"}, *SECRETS)
    assert said.startswith('OAuth oauth_consumer_key="dpf43f3p2l4k3l03", oauth_token=')
    assert 'oauth_verifier="a%20b%2F%C3%A9"' in said
    assert said.count("oauth_signature=") == 1


def test_host_and_usual_port_do_not_change_what_is_signed() -> None:
    bare = signature("GET", "https://api.example.com/v1", PHOTOS, *SECRETS)
    assert signature("GET", "https://API.example.com:443/v1", PHOTOS, *SECRETS) == bare
    assert signature("GET", "https://api.example.com:80/v1", PHOTOS, *SECRETS) != bare
    assert signature("GET", "https://api.example.com", PHOTOS, *SECRETS) == signature(
        "GET", "https://api.example.com/", PHOTOS, *SECRETS
    )


def test_parameters_are_put_in_the_order_of_their_names_not_of_the_joined_text() -> None:
    """``a`` comes before ``a.b``, though ``a.b=`` sorts before ``a=`` as text."""
    one = signature("GET", "https://x.example/?a=2&a.b=1", PHOTOS, *SECRETS)
    assert one == signature("GET", "https://x.example/?a.b=1&a=2", PHOTOS, *SECRETS)
    assert one == "YZ2E2fb/mAdy1FNM3csTJ3RhMNY="
