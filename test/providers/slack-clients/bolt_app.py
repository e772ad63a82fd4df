"""An ordinary Bolt app in Python: a command that answers and opens a form, and the form's submission."""

import os

from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient

client = WebClient(token=os.environ["SLACK_BOT_TOKEN"], base_url=os.environ["SLACK_API_URL"])
app = App(client=client)


def plain(text):
    return {"type": "plain_text", "text": text}


@app.command("/burst")
def command(ack, respond, client, body):
    ack(f"acknowledged {body['text']}")
    respond(f"answered to {body['user_name']}")
    client.views_open(
        trigger_id=body["trigger_id"],
        view={
            "type": "modal",
            "callback_id": "form",
            "private_metadata": body["channel_id"],
            "title": plain("How many"),
            "submit": plain("Send"),
            "blocks": [
                {
                    "type": "input",
                    "block_id": "count",
                    "label": plain("Count"),
                    "element": {"type": "plain_text_input", "action_id": "value"},
                }
            ],
        },
    )


@app.view("form")
def form(ack, client, view):
    count = view["state"]["values"]["count"]["value"]["value"]
    if not count.isdigit():
        ack(response_action="errors", errors={"count": "not a number"})
        return
    ack()
    channel = view["private_metadata"]
    posted = client.chat_postMessage(channel=channel, text=f"got {count}")
    client.chat_update(channel=channel, ts=posted["ts"], text=f"did {count}")
    client.files_upload_v2(channel=channel, filename="count.txt", content=count, initial_comment="as a file")


SocketModeHandler(app, os.environ["SLACK_APP_TOKEN"], web_client=client).start()
