"""help.*: what clients ask before anything else. The configuration names this sandbox and no other place."""

from typing import Any

from services.telegram_sandbox.mtproto.tl import functions, make, types
from services.telegram_sandbox.rpc.call import Call, Routes
from services.telegram_sandbox.rpc.render import moment
from services.telegram_sandbox.world.world import MAX_TEXT

_CONFIG_LASTS = 3600


def routes() -> Routes:
    """Which handler answers which method."""
    return {
        functions.help.GetConfigRequest: _get_config,
        functions.help.GetNearestDcRequest: _get_nearest_dc,
        functions.help.GetAppConfigRequest: _get_app_config,
    }


def _get_config(call: Call, request: Any) -> Any:
    place = call.services.place
    return make(
        types.Config,
        date=moment(call.now),
        expires=moment(call.now + _CONFIG_LASTS),
        test_mode=True,
        this_dc=place.dc_id,
        dc_options=[types.DcOption(id=place.dc_id, ip_address=place.address, port=place.port)],
        dc_txt_domain_name="callboard-sandbox.invalid",
        me_url_prefix="https://callboard-sandbox.invalid/",
        chat_size_max=200,
        megagroup_size_max=200_000,
        message_length_max=MAX_TEXT,
        caption_length_max=1024,
    )


def _get_nearest_dc(call: Call, request: Any) -> Any:
    dc_id = call.services.place.dc_id
    return types.NearestDc(country="ZZ", this_dc=dc_id, nearest_dc=dc_id)


def _get_app_config(call: Call, request: Any) -> Any:
    return types.help.AppConfig(hash=1, config=types.JsonObject([]))
