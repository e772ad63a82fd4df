// An ordinary slack-go app: a command that answers and opens a form, and the form's submission.
package main

import (
	"fmt"
	"log"
	"os"
	"strconv"
	"strings"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"
)

func check(err error) {
	if err != nil {
		log.Print(err)
	}
}

func command(api *slack.Client, c slack.SlashCommand) {
	check(slack.PostWebhook(c.ResponseURL, &slack.WebhookMessage{Text: "answered to " + c.UserName}))
	plain := func(text string) *slack.TextBlockObject {
		return slack.NewTextBlockObject(slack.PlainTextType, text, false, false)
	}
	input := slack.NewInputBlock("count", plain("Count"), nil, slack.NewPlainTextInputBlockElement(nil, "value"))
	_, err := api.OpenView(c.TriggerID, slack.ModalViewRequest{
		Type:            slack.VTModal,
		CallbackID:      "form",
		PrivateMetadata: c.ChannelID,
		Title:           plain("How many"),
		Submit:          plain("Send"),
		Blocks:          slack.Blocks{BlockSet: []slack.Block{input}},
	})
	check(err)
}

func submitted(api *slack.Client, channel string, count string) {
	_, ts, err := api.PostMessage(channel, slack.MsgOptionText("got "+count, false))
	check(err)
	_, _, _, err = api.UpdateMessage(channel, ts, slack.MsgOptionText("did "+count, false))
	check(err)
	_, err = api.UploadFile(slack.UploadFileParameters{
		Channel: channel, Filename: "count.txt", FileSize: len(count), Reader: strings.NewReader(count),
		InitialComment: "as a file",
	})
	check(err)
}

func main() {
	api := slack.New(os.Getenv("SLACK_BOT_TOKEN"), slack.OptionAPIURL(os.Getenv("SLACK_API_URL")),
		slack.OptionAppLevelToken(os.Getenv("SLACK_APP_TOKEN")))
	client := socketmode.New(api)
	go func() {
		for event := range client.Events {
			switch data := event.Data.(type) {
			case slack.SlashCommand:
				client.Ack(*event.Request, map[string]any{"text": "acknowledged " + data.Text})
				go command(api, data)
			case slack.InteractionCallback:
				count := data.View.State.Values["count"]["value"].Value
				if _, err := strconv.Atoi(count); err != nil {
					client.Ack(*event.Request, slack.NewErrorsViewSubmissionResponse(map[string]string{"count": "not a number"}))
					continue
				}
				client.Ack(*event.Request)
				go submitted(api, data.View.PrivateMetadata, count)
			}
		}
	}()
	fmt.Fprintln(os.Stderr, client.Run())
	os.Exit(1)
}
