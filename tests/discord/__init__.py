"""A loopback Discord: REST, gateway and CDN over TLS on 127.0.0.1, for discord.py's own client.

async with LoopbackDiscord.running() as server:
    channel, ann = server.add_channel(guild := server.add_guild()), server.add_user("ann")
    server.add_member(guild, ann)
    bot = Bot(..., connector=server.connector(), guild_ready_timeout=0.05)
    ...  # start it with server.token, then: await server.wait_until(bot.is_ready)
    posted = await server.post(channel, ann, "look", [("a.png", data)])
    reply = await server.wait_for_reply(posted)
"""

from tests.discord.interactions import Interaction
from tests.discord.server import LoopbackDiscord
from tests.discord.state import Attachment, Channel, Guild, Message, User

__all__ = ["Attachment", "Channel", "Guild", "Interaction", "LoopbackDiscord", "Message", "User"]
