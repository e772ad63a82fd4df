// An ordinary slack-go app that uses each of Slack's surfaces once.
package main

import (
	"fmt"
	"log"
	"os"
	"strconv"
	"strings"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"
	"github.com/slack-go/slack/socketmode"
)

func check(err error) {
	if err != nil {
		log.Print(err)
	}
}

func plain(text string) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.PlainTextType, text, false, false)
}

func modal(title string, callback string, metadata string, blocks ...slack.Block) slack.ModalViewRequest {
	if len(blocks) == 0 {
		blocks = []slack.Block{slack.NewSectionBlock(plain(title), nil, nil)}
	}
	return slack.ModalViewRequest{
		Type: slack.VTModal, CallbackID: callback, PrivateMetadata: metadata,
		Title: plain(title), Submit: plain("Send"), Blocks: slack.Blocks{BlockSet: blocks},
	}
}

func command(api *slack.Client, c slack.SlashCommand) {
	check(slack.PostWebhook(c.ResponseURL, &slack.WebhookMessage{Text: "answered to " + c.UserName}))
	input := slack.NewInputBlock("count", plain("Count"), nil, slack.NewPlainTextInputBlockElement(nil, "value"))
	_, err := api.OpenView(c.TriggerID, modal("How many", "form", c.ChannelID, input))
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

// The answer to a submission: nothing, or what to do with the form.
func answer(view slack.View) any {
	if view.CallbackID == "sure" {
		return slack.NewClearViewSubmissionResponse()
	}
	count := view.State.Values["count"]["value"].Value
	number, err := strconv.Atoi(count)
	if err != nil {
		return slack.NewErrorsViewSubmissionResponse(map[string]string{"count": "not a number"})
	}
	switch number {
	case 100:
		next := modal("Really?", "sure", view.PrivateMetadata)
		return slack.NewPushViewSubmissionResponse(&next)
	case 99:
		next := modal("A lot", "form", view.PrivateMetadata)
		return slack.NewUpdateViewSubmissionResponse(&next)
	}
	return nil
}

func clicked(api *slack.Client, data slack.InteractionCallback) {
	opened, err := api.OpenView(data.TriggerID, modal("Looking", "looked", ""))
	if err != nil {
		log.Print(err)
		return
	}
	value := data.ActionCallback.BlockActions[0].Value
	_, err = api.UpdateView(modal("Found "+value, "looked", ""), "", opened.Hash, opened.View.ID)
	check(err)
}

func interaction(api *slack.Client, client *socketmode.Client, event socketmode.Event, data slack.InteractionCallback) {
	if data.Type == slack.InteractionTypeViewSubmission {
		if reply := answer(data.View); reply != nil {
			check(client.Ack(*event.Request, reply))
			return
		}
		check(client.Ack(*event.Request))
		submitted(api, data.View.PrivateMetadata, data.View.State.Values["count"]["value"].Value)
		return
	}
	check(client.Ack(*event.Request))
	switch data.Type {
	case slack.InteractionTypeBlockActions:
		clicked(api, data)
	case slack.InteractionTypeShortcut:
		_, err := api.OpenView(data.TriggerID, modal("From anywhere", "looked", ""))
		check(err)
	case slack.InteractionTypeMessageAction:
		text := slack.MsgOptionText("about: "+data.Message.Text, false)
		_, err := api.PostEphemeral(data.Channel.ID, data.User.ID, text)
		check(err)
	}
}

func happened(api *slack.Client, event slackevents.EventsAPIEvent) {
	switch data := event.InnerEvent.Data.(type) {
	case *slackevents.AppHomeOpenedEvent:
		button := slack.NewButtonBlockElement("more", "7", plain("More"))
		blocks := []slack.Block{slack.NewSectionBlock(plain("at home"), nil, nil), slack.NewActionBlock("buttons", button)}
		view := slack.HomeTabViewRequest{Type: slack.VTHomeTab, Blocks: slack.Blocks{BlockSet: blocks}}
		_, err := api.PublishView(data.User, view, "")
		check(err)
	case *slackevents.MessageEvent:
		if data.BotID == "" {
			text := slack.MsgOptionText("heard "+data.Text, false)
			_, _, err := api.PostMessage(data.Channel, text, slack.MsgOptionTS(data.TimeStamp))
			check(err)
		}
	}
}

func main() {
	api := slack.New(os.Getenv("SLACK_BOT_TOKEN"), slack.OptionAPIURL(os.Getenv("SLACK_API_URL")),
		slack.OptionAppLevelToken(os.Getenv("SLACK_APP_TOKEN")), slack.OptionRetry(3))
	client := socketmode.New(api)
	go func() {
		for event := range client.Events {
			switch data := event.Data.(type) {
			case slack.SlashCommand:
				check(client.Ack(*event.Request, map[string]any{"text": "acknowledged " + data.Text}))
				go command(api, data)
			case slack.InteractionCallback:
				go interaction(api, client, event, data)
			case slackevents.EventsAPIEvent:
				check(client.Ack(*event.Request))
				go happened(api, data)
			}
		}
	}()
	fmt.Fprintln(os.Stderr, client.Run())
	os.Exit(1)
}
