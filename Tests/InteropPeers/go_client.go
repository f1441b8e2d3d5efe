// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

// Does one thing with a broker by Azure's go-amqp, for Tests/InteropTests: go_client HOST:PORT FEATURE QUEUE.
// Ends with code 0 where the broker did what it should, and else says what it did instead.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/Azure/go-amqp"
)

var features = map[string]func(broker string, queue string) error{
	"anonymous": func(broker, queue string) error {
		return connectAndSend(broker, queue, &amqp.ConnOptions{SASLType: amqp.SASLTypeAnonymous()})
	},
	"no-sasl":   func(broker, queue string) error { return connectAndSend(broker, queue, nil) },
	"confirmed": confirmed, "settled": settled, "order": order, "outcomes": outcomes, "second": second,
	"large": large, "echo": echo, "dynamic": dynamic, "relay": relay, "selector": selector, "credit": credit,
	"many": many, "heartbeats": heartbeats, "refused": refused, "subscription": subscription,
	"respond": respond, "ask": ask,
}

func main() {
	if len(os.Args) != 4 || features[os.Args[2]] == nil {
		fmt.Fprintln(os.Stderr, "usage: go_client HOST:PORT FEATURE QUEUE")
		os.Exit(2)
	}
	if err := features[os.Args[2]](os.Args[1], os.Args[3]); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// A time for all that one feature does.
var deadline, _ = context.WithTimeout(context.Background(), 15*time.Second)

// What a feature needs: a connection with a session. The first error of a call is kept, and later calls do nothing.
type client struct {
	conn    *amqp.Conn
	session *amqp.Session
}

func connect(broker string, options *amqp.ConnOptions) (*client, error) {
	conn, err := amqp.Dial(deadline, "amqp://"+broker, options)
	if err != nil {
		return nil, fmt.Errorf("connecting: %w", err)
	}
	session, err := conn.NewSession(deadline, nil)
	if err != nil {
		return nil, fmt.Errorf("beginning a session: %w", err)
	}
	return &client{conn, session}, nil
}

// with runs a feature on a connection, and closes it in all order.
func with(broker string, options *amqp.ConnOptions, body func(*client) error) error {
	c, err := connect(broker, options)
	if err != nil {
		return err
	}
	if err := body(c); err != nil {
		return err
	}
	if err := c.session.Close(deadline); err != nil {
		return fmt.Errorf("ending the session: %w", err)
	}
	if err := c.conn.Close(); err != nil {
		return fmt.Errorf("closing the connection: %w", err)
	}
	return nil
}

func (c *client) send(queue string, options *amqp.SenderOptions, messages ...*amqp.Message) error {
	sender, err := c.session.NewSender(deadline, queue, options)
	if err != nil {
		return fmt.Errorf("attaching a sender: %w", err)
	}
	for _, message := range messages {
		if err := sender.Send(deadline, message, nil); err != nil {
			return fmt.Errorf("sending: %w", err)
		}
	}
	return sender.Close(deadline)
}

func (c *client) receiver(queue string, options *amqp.ReceiverOptions) (*amqp.Receiver, error) {
	receiver, err := c.session.NewReceiver(deadline, queue, options)
	if err != nil {
		return nil, fmt.Errorf("attaching a receiver: %w", err)
	}
	return receiver, nil
}

// take receives and accepts a message, which must have a text as its body.
func take(receiver *amqp.Receiver, text string) error {
	message, err := receive(receiver, text)
	if err != nil {
		return err
	}
	return receiver.AcceptMessage(deadline, message)
}

func receive(receiver *amqp.Receiver, text string) (*amqp.Message, error) {
	message, err := receiver.Receive(deadline, nil)
	if err != nil {
		return nil, fmt.Errorf("receiving %q: %w", text, err)
	}
	if message.Value != text {
		return nil, fmt.Errorf("received %v instead of %q", message.Value, text)
	}
	return message, nil
}

// nothing waits a moment, in which no message may come.
func nothing(receiver *amqp.Receiver) error {
	moment, cancel := context.WithTimeout(deadline, 300*time.Millisecond)
	defer cancel()
	if message, err := receiver.Receive(moment, nil); err == nil {
		return fmt.Errorf("another message comes: %v", message.Value)
	} else if moment.Err() == nil {
		return fmt.Errorf("waiting for no message: %w", err)
	}
	return nil
}

func text(body string) *amqp.Message { return &amqp.Message{Value: body} }

func texts(count int) []*amqp.Message {
	var messages []*amqp.Message
	for number := range count {
		messages = append(messages, text(fmt.Sprint(number)))
	}
	return messages
}

func connectAndSend(broker, queue string, options *amqp.ConnOptions) error {
	return with(broker, options, func(c *client) error { return c.send(queue, nil, text("x")) })
}

func confirmed(broker, queue string) error {
	return with(broker, nil, func(c *client) error {
		sender, err := c.session.NewSender(
			deadline, queue, &amqp.SenderOptions{SettlementMode: amqp.SenderSettleModeUnsettled.Ptr()})
		if err != nil {
			return err
		}
		for _, message := range texts(10) {
			if err := sender.Send(deadline, message, nil); err != nil {
				return err
			}
		}
		return nil
	})
}

func settled(broker, queue string) error {
	return with(broker, nil, func(c *client) error {
		options := amqp.SenderOptions{SettlementMode: amqp.SenderSettleModeSettled.Ptr()}
		if err := c.send(queue, &options, text("x")); err != nil {
			return err
		}
		mode := amqp.ReceiverOptions{RequestedSenderSettleMode: amqp.SenderSettleModeSettled.Ptr()}
		receiver, err := c.receiver(queue, &mode)
		if err != nil {
			return err
		}
		return take(receiver, "x")
	})
}

func order(broker, queue string) error {
	return with(broker, nil, func(c *client) error {
		for _, window := range []int32{1, 10, 1000} {
			if err := c.send(queue, nil, texts(300)...); err != nil {
				return err
			}
			receiver, err := c.receiver(queue, &amqp.ReceiverOptions{Credit: window})
			if err != nil {
				return err
			}
			for number := range 300 {
				if err := take(receiver, fmt.Sprint(number)); err != nil {
					return err
				}
			}
			if err := receiver.Close(deadline); err != nil {
				return err
			}
		}
		return nil
	})
}

func outcomes(broker, queue string) error {
	return with(broker, nil, func(c *client) error {
		if err := c.send(queue, nil, text("x")); err != nil {
			return err
		}
		receiver, err := c.receiver(queue, nil)
		if err != nil {
			return err
		}
		message, err := receive(receiver, "x")
		if err != nil {
			return err
		}
		if err := receiver.ReleaseMessage(deadline, message); err != nil {
			return err
		}
		if message, err = receive(receiver, "x"); err != nil {
			return fmt.Errorf("after a release: %w", err)
		}
		modification := amqp.ModifyMessageOptions{
			DeliveryFailed: true, Annotations: amqp.Annotations{"x-opt-tried": true}}
		if err := receiver.ModifyMessage(deadline, message, &modification); err != nil {
			return err
		}
		if message, err = receive(receiver, "x"); err != nil {
			return fmt.Errorf("after a modification: %w", err)
		}
		if message.Header == nil || message.Header.DeliveryCount != 1 || message.Annotations["x-opt-tried"] != true {
			return fmt.Errorf("modified, it comes with %v and %v", message.Header, message.Annotations)
		}
		reason := amqp.Error{Condition: "test:bad", Description: "No good."}
		if err := receiver.RejectMessage(deadline, message, &reason); err != nil {
			return err
		}
		return nothing(receiver)
	})
}

// The receiver settles after the sender has: both sides wait for one more disposition.
func second(broker, queue string) error {
	return with(broker, nil, func(c *client) error {
		mode := amqp.ReceiverSettleModeSecond
		options := amqp.SenderOptions{
			SettlementMode: amqp.SenderSettleModeUnsettled.Ptr(), RequestedReceiverSettleMode: &mode}
		if err := c.send(queue, &options, texts(3)...); err != nil {
			return err
		}
		receiver, err := c.receiver(queue, &amqp.ReceiverOptions{SettlementMode: &mode, Credit: 3})
		if err != nil {
			return err
		}
		for number := range 3 {
			if err := take(receiver, fmt.Sprint(number)); err != nil {
				return err
			}
		}
		return nothing(receiver)
	})
}

func large(broker, queue string) error {
	return with(broker, &amqp.ConnOptions{MaxFrameSize: 4096}, func(c *client) error {
		body := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
		if err := c.send(queue, nil, amqp.NewMessage(body)); err != nil {
			return err
		}
		receiver, err := c.receiver(queue, nil)
		if err != nil {
			return err
		}
		message, err := receiver.Receive(deadline, nil)
		if err != nil {
			return err
		}
		if !bytes.Equal(message.GetData(), body) {
			return fmt.Errorf("%d bytes come back changed", len(message.GetData()))
		}
		return receiver.AcceptMessage(deadline, message)
	})
}

// Sends what comes from the queue to QUEUE-back, up to a message with the subject "last".
func echo(broker, queue string) error {
	return with(broker, nil, func(c *client) error {
		receiver, err := c.receiver(queue, nil)
		if err != nil {
			return err
		}
		sender, err := c.session.NewSender(deadline, queue+"-back", nil)
		if err != nil {
			return err
		}
		for {
			message, err := receiver.Receive(deadline, nil)
			if err != nil {
				return err
			}
			if err := receiver.AcceptMessage(deadline, message); err != nil {
				return err
			}
			if err := sender.Send(deadline, message, nil); err != nil {
				return fmt.Errorf("sending %v back: %w", message, err)
			}
			if message.Properties != nil && message.Properties.Subject != nil && *message.Properties.Subject == "last" {
				return nil
			}
		}
	})
}

// Answers what comes to the queue, up to a request for "last": each response goes where its request says.
func respond(broker, queue string) error {
	return with(broker, nil, func(c *client) error {
		receiver, err := c.receiver(queue, nil)
		if err != nil {
			return err
		}
		sender, err := c.session.NewSender(deadline, "", nil)
		if err != nil {
			return err
		}
		for {
			request, err := receiver.Receive(deadline, nil)
			if err != nil {
				return err
			}
			if request.Properties == nil || request.Properties.ReplyTo == nil || request.Properties.MessageID == nil {
				return fmt.Errorf("a request says %v", request.Properties)
			}
			response := text("re: " + request.Value.(string))
			response.Properties = &amqp.MessageProperties{
				To: request.Properties.ReplyTo, CorrelationID: request.Properties.MessageID}
			if err := sender.Send(deadline, response, nil); err != nil {
				return err
			}
			if err := receiver.AcceptMessage(deadline, request); err != nil {
				return err
			}
			if request.Value == "last" {
				return nil
			}
		}
	})
}

// Asks whoever serves the queue, many requests at once, and compares the responses with the requests.
func ask(broker, queue string) error {
	return with(broker, nil, func(c *client) error {
		receiver, err := c.receiver("", &amqp.ReceiverOptions{DynamicAddress: true, Credit: 50})
		if err != nil {
			return err
		}
		replyTo, count := receiver.Address(), uint64(50)
		var requests []*amqp.Message
		for number := range count {
			request := text(fmt.Sprint(number))
			request.Properties = &amqp.MessageProperties{ReplyTo: &replyTo, CorrelationID: number}
			requests = append(requests, request)
		}
		if err := c.send(queue, nil, requests...); err != nil {
			return err
		}
		answered := map[uint64]bool{}
		for range count {
			response, err := receiver.Receive(deadline, nil)
			if err != nil {
				return fmt.Errorf("after %d responses: %w", len(answered), err)
			}
			if err := receiver.AcceptMessage(deadline, response); err != nil {
				return err
			}
			number, isNumber := response.Properties.CorrelationID.(uint64)
			if !isNumber || number >= count || answered[number] || response.Value != fmt.Sprintf("re: %d", number) {
				return fmt.Errorf("a response is %v, with the correlation id %v",
					response.Value, response.Properties.CorrelationID)
			}
			answered[number] = true
		}
		return nil
	})
}

func dynamic(broker, _ string) error {
	return with(broker, nil, func(c *client) error {
		receiver, err := c.receiver("", &amqp.ReceiverOptions{DynamicAddress: true})
		if err != nil {
			return err
		}
		if receiver.Address() == "" {
			return fmt.Errorf("the receiver has no address")
		}
		if err := c.send(receiver.Address(), nil, text("x")); err != nil {
			return err
		}
		return take(receiver, "x")
	})
}

func relay(broker, queue string) error {
	return with(broker, nil, func(c *client) error {
		message := text("x")
		message.Properties = &amqp.MessageProperties{To: &queue}
		if err := c.send("", nil, message); err != nil {
			return err
		}
		receiver, err := c.receiver(queue, nil)
		if err != nil {
			return err
		}
		return take(receiver, "x")
	})
}

func selector(broker, queue string) error {
	return with(broker, nil, func(c *client) error {
		for _, colour := range []string{"red", "green", "blue", "green"} {
			message := text(colour)
			message.ApplicationProperties = map[string]any{"colour": colour}
			if err := c.send(queue, nil, message); err != nil {
				return err
			}
		}
		filters := []amqp.LinkFilter{amqp.NewSelectorFilter("colour = 'green'")}
		receiver, err := c.receiver(queue, &amqp.ReceiverOptions{Filters: filters})
		if err != nil {
			return err
		}
		if value := receiver.LinkSourceFilterValue("apache.org:selector-filter:string"); value != "colour = 'green'" {
			return fmt.Errorf("the broker says that it filters by %v", value)
		}
		for range 2 {
			if err := take(receiver, "green"); err != nil {
				return err
			}
		}
		return nothing(receiver)
	})
}

// Credit that the program gives itself.
func credit(broker, queue string) error {
	return with(broker, nil, func(c *client) error {
		if err := c.send(queue, nil, texts(5)...); err != nil {
			return err
		}
		receiver, err := c.receiver(queue, &amqp.ReceiverOptions{Credit: -1})
		if err != nil {
			return err
		}
		if err := nothing(receiver); err != nil {
			return err
		}
		for number := 0; number < 4; number += 2 {
			if err := receiver.IssueCredit(2); err != nil {
				return err
			}
			for next := number; next < number+2; next++ {
				if err := take(receiver, fmt.Sprint(next)); err != nil {
					return err
				}
			}
			if err := nothing(receiver); err != nil {
				return err
			}
		}
		return nil
	})
}

// Sessions and links of all that a connection may have, and messages on each.
func many(broker, queue string) error {
	c, err := connect(broker, nil)
	if err != nil {
		return err
	}
	for number := range 20 {
		session, err := c.conn.NewSession(deadline, &amqp.SessionOptions{MaxLinks: 20})
		if err != nil {
			return fmt.Errorf("session %d: %w", number, err)
		}
		other := &client{c.conn, session}
		for link := range 9 {
			name := fmt.Sprintf("%s-%d-%d", queue, number, link)
			if err := other.send(name, nil, text(name)); err != nil {
				return err
			}
			receiver, err := other.receiver(name, &amqp.ReceiverOptions{Name: name})
			if err != nil {
				return err
			}
			if err := take(receiver, name); err != nil {
				return err
			}
		}
	}
	return c.conn.Close()
}

func heartbeats(broker, queue string) error {
	return with(broker, &amqp.ConnOptions{IdleTimeout: 600 * time.Millisecond}, func(c *client) error {
		receiver, err := c.receiver(queue, nil)
		if err != nil {
			return err
		}
		if err := c.send(queue, nil, text("before")); err != nil {
			return err
		}
		if err := take(receiver, "before"); err != nil {
			return err
		}
		for range 8 {
			if err := nothing(receiver); err != nil {
				return err
			}
		}
		if err := c.send(queue, nil, text("x")); err != nil {
			return err
		}
		return take(receiver, "x")
	})
}

// A link that the broker refuses is an error with a condition, and leaves the session as it is. go-amqp sees a refusal in
// the answer where neither terminus is there, and otherwise in the detach that follows.
func refused(broker, queue string) error {
	return with(broker, nil, func(c *client) error {
		filters := []amqp.LinkFilter{amqp.NewSelectorFilter("no selector (")}
		receiver, err := c.session.NewReceiver(deadline, queue, &amqp.ReceiverOptions{Filters: filters})
		if err == nil {
			_, err = receiver.Receive(deadline, nil)
		}
		var linkError *amqp.LinkError
		var remoteError *amqp.Error
		if errors.As(err, &linkError) {
			remoteError = linkError.RemoteErr
		} else {
			errors.As(err, &remoteError)
		}
		if remoteError == nil || remoteError.Condition != amqp.ErrCondInvalidField {
			return fmt.Errorf("a receiver with a wrong selector is told %v", err)
		}
		return c.send(queue, nil, text("x"))
	})
}

// A subscription that is kept gets what was sent while nobody was attached.
func subscription(broker, queue string) error {
	options := amqp.ReceiverOptions{
		Name: queue, SourceDurability: amqp.DurabilityUnsettledState, SourceExpiryPolicy: amqp.ExpiryPolicyNever}
	topic := "topic/" + queue
	one := &amqp.ConnOptions{ContainerID: queue}
	c, err := connect(broker, one)
	if err != nil {
		return err
	}
	if _, err := c.receiver(topic, &options); err != nil {
		return err
	}
	// The connection's end detaches the link; a close of the link would end the subscription.
	if err := c.conn.Close(); err != nil {
		return err
	}
	return with(broker, one, func(c *client) error {
		if err := c.send(topic, nil, text("x")); err != nil {
			return err
		}
		receiver, err := c.receiver(topic, &options)
		if err != nil {
			return err
		}
		return take(receiver, "x")
	})
}
