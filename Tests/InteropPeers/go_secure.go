// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

// Logs in by Azure's go-amqp over TLS, for Tests/InteropTests: go_secure HOST PORT anonymous|plain|external|wrong QUEUE
// FOLDER/, and then sends a message and takes it.
//
// The folder has the files authority.pem, guest.pem and guest-key.pem. With a wrong password it has to be refused.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/Azure/go-amqp"
)

func main() {
	err := errors.New("usage: go_secure HOST PORT anonymous|plain|external|wrong QUEUE FOLDER/")
	if len(os.Args) == 6 {
		err = run(os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5])
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func run(host, port, login, queue, folder string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	authority, err := os.ReadFile(folder + "authority.pem")
	if err != nil {
		return err
	}
	config := &tls.Config{RootCAs: x509.NewCertPool(), ServerName: host}
	config.RootCAs.AppendCertsFromPEM(authority)
	options := &amqp.ConnOptions{TLSConfig: config}
	switch login {
	case "anonymous":
		options.SASLType = amqp.SASLTypeAnonymous()
	case "plain":
		options.SASLType = amqp.SASLTypePlain("guest", "guest")
	case "wrong":
		options.SASLType = amqp.SASLTypePlain("guest", "wrong")
	case "external":
		certificate, err := tls.LoadX509KeyPair(folder+"guest.pem", folder+"guest-key.pem")
		if err != nil {
			return err
		}
		config.Certificates = []tls.Certificate{certificate}
		options.SASLType = amqp.SASLTypeExternal("")
	}
	conn, err := amqp.Dial(ctx, "amqps://"+host+":"+port, options)
	if login == "wrong" {
		if err == nil {
			return errors.New("the log-in succeeds")
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	session, err := conn.NewSession(ctx, nil)
	if err != nil {
		return err
	}
	sender, err := session.NewSender(ctx, queue, nil)
	if err != nil {
		return err
	}
	if err := sender.Send(ctx, amqp.NewMessage([]byte("secret")), nil); err != nil {
		return fmt.Errorf("sending: %w", err)
	}
	receiver, err := session.NewReceiver(ctx, queue, nil)
	if err != nil {
		return err
	}
	message, err := receiver.Receive(ctx, nil)
	if err != nil {
		return err
	}
	if string(message.GetData()) != "secret" {
		return fmt.Errorf("the message comes as %q", message.GetData())
	}
	if err := receiver.AcceptMessage(ctx, message); err != nil {
		return err
	}
	return conn.Close()
}
