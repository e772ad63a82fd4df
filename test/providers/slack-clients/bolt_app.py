"""An ordinary Bolt app in Python that uses each of Slack's surfaces once."""

import os

from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler

client = WebClient(
    token=os.environ["SLACK_BOT_TOKEN"],
    base_url=os.environ["SLACK_API_URL"],
    retry_handlers=[RateLimitErrorRetryHandler(max_retry_count=3)],
)
app = App(client=client)


def plain(text):
    return {"type": "plain_text", "text": text}


def section(text):
    return {"type": "section", "text": plain(text)}


def modal(title, callback_id, metadata="", blocks=None):
    return {
        "type": "modal",
        "callback_id": callback_id,
        "private_metadata": metadata,
        "title": plain(title),
        "submit": plain("Send"),
        "blocks": blocks or [section(title)],
    }


def count_form(channel):
    element = {"type": "plain_text_input", "action_id": "value"}
    block = {"type": "input", "block_id": "count", "label": plain("Count"), "element": element}
    return modal("How many", "form", channel, [block])


@app.command("/burst")
def command(ack, respond, client, body):
    ack(f"acknowledged {body['text']}")
    respond(f"answered to {body['user_name']}")
    client.views_open(trigger_id=body["trigger_id"], view=count_form(body["channel_id"]))


@app.view("form")
def form(ack, client, view):
    count = view["state"]["values"]["count"]["value"]["value"]
    if not count.isdigit():
        ack(response_action="errors", errors={"count": "not a number"})
        return
    if count == "100":
        ack(response_action="push", view=modal("Really?", "sure", view["private_metadata"]))
        return
    if count == "99":
        ack(response_action="update", view=modal("A lot", "form", view["private_metadata"]))
        return
    ack()
    channel = view["private_metadata"]
    posted = client.chat_postMessage(channel=channel, text=f"got {count}")
    client.chat_update(channel=channel, ts=posted["ts"], text=f"did {count}")
    client.files_upload_v2(channel=channel, filename="count.txt", content=count, initial_comment="as a file")


@app.view("sure")
def sure(ack):
    ack(response_action="clear")


@app.event("app_home_opened")
def home(client, event):
    button = {"type": "button", "action_id": "more", "text": plain("More"), "value": "7"}
    blocks = [section("at home"), {"type": "actions", "block_id": "buttons", "elements": [button]}]
    client.views_publish(user_id=event["user"], view={"type": "home", "blocks": blocks})


@app.action("more")
def more(ack, client, body):
    ack()
    opened = client.views_open(trigger_id=body["trigger_id"], view=modal("Looking", "looked"))["view"]
    value = body["actions"][0]["value"]
    client.views_update(view_id=opened["id"], hash=opened["hash"], view=modal(f"Found {value}", "looked"))


@app.shortcut("everywhere")
def everywhere(ack, client, shortcut):
    ack()
    client.views_open(trigger_id=shortcut["trigger_id"], view=modal("From anywhere", "looked"))


@app.shortcut("about_message")
def about_message(ack, client, shortcut):
    ack()
    channel, user = shortcut["channel"]["id"], shortcut["user"]["id"]
    client.chat_postEphemeral(channel=channel, user=user, text=f"about: {shortcut['message']['text']}")


@app.event("message")
def message(client, event):
    if "bot_id" not in event:
        client.chat_postMessage(channel=event["channel"], thread_ts=event["ts"], text=f"heard {event['text']}")


SocketModeHandler(app, os.environ["SLACK_APP_TOKEN"], web_client=client).start()
