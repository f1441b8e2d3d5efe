// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

// Logs in by SCRAM, by the library xdg-go/scram, for Tests/InteropTests:
//
//	go_scram client HOST:PORT MECHANISM USER PASSWORD QUEUE   logs in, and then sends a message by go-amqp
//	go_scram server MECHANISM USER PASSWORD                   listens, writes its port, and lets one client log in and open
//
// Ends with code 0 where the peer did what it should, and else says what it did instead.
package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/Azure/go-amqp"
	"github.com/xdg-go/scram"
)

var hashes = map[string]scram.HashGeneratorFcn{
	"SCRAM-SHA-1": scram.SHA1, "SCRAM-SHA-256": scram.SHA256, "SCRAM-SHA-512": scram.SHA512,
}

func main() {
	err := errors.New("usage: go_scram client HOST:PORT MECHANISM USER PASSWORD QUEUE | server MECHANISM USER PASSWORD")
	switch arguments := os.Args[1:]; {
	case len(arguments) == 6 && arguments[0] == "client":
		err = client(arguments[1], arguments[2], arguments[3], arguments[4], arguments[5])
	case len(arguments) == 4 && arguments[0] == "server":
		err = server(arguments[1], arguments[2], arguments[3])
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

var deadline = time.Now().Add(15 * time.Second)

// The header of SASL, and the frames of AMQP 1.0, 5.3.3.
var header = []byte("AMQP\x03\x01\x00\x00")

const (
	mechanismsFrame = 0x40
	initFrame       = 0x41
	challengeFrame  = 0x42
	responseFrame   = 0x43
	outcomeFrame    = 0x44
)

func variable(code byte, value []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{code}, uint32(len(value))), value...)
}
func binaryValue(value string) []byte { return variable(0xb0, []byte(value)) }
func symbol(value string) []byte      { return variable(0xb3, []byte(value)) }

func write(conn net.Conn, code byte, fields ...[]byte) error {
	body := bytes.Join(fields, nil)
	list := binary.BigEndian.AppendUint32([]byte{0xd0}, uint32(4+len(body)))
	list = append(binary.BigEndian.AppendUint32(list, uint32(len(fields))), body...)
	frame := append([]byte{0, 0, 0, 0, 2, 1, 0, 0, 0, 0x53, code}, list...)
	binary.BigEndian.PutUint32(frame, uint32(len(frame)))
	_, err := conn.Write(frame)
	return err
}

// read reads a frame, which must be of a kind: the values in its list, without what they are.
func read(conn net.Conn, code byte) ([][]byte, error) {
	var head [8]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return nil, fmt.Errorf("waiting for frame %#x: %w", code, err)
	}
	size := binary.BigEndian.Uint32(head[:])
	if size < 8 || size > 65536 || head[4] != 2 || head[5] != 1 {
		return nil, fmt.Errorf("no frame of SASL: % x", head)
	}
	body := make([]byte, size-8)
	if _, err := io.ReadFull(conn, body); err != nil {
		return nil, err
	}
	if len(body) < 4 || body[0] != 0 || body[1] != 0x53 {
		return nil, fmt.Errorf("no performative: % x", body)
	}
	if body[2] != code {
		return nil, fmt.Errorf("frame %#x comes in place of %#x: %q", body[2], code, body)
	}
	switch body[3] {
	case 0x45:
		return nil, nil
	case 0xc0:
		return values(body[6:])
	case 0xd0:
		return values(body[12:])
	}
	return nil, fmt.Errorf("no list: % x", body)
}

// values takes apart what follows the count of a list: nulls, small numbers, texts, and arrays as their bytes.
func values(rest []byte) (all [][]byte, err error) {
	for len(rest) > 0 {
		code, size := rest[0], 0
		rest = rest[1:]
		switch {
		case code>>4 == 0x4:
		case code>>4 == 0x5:
			size = 1
		case code>>4 == 0xa || code>>4 == 0xe:
			size, rest = int(rest[0]), rest[1:]
		case code>>4 == 0xb || code>>4 == 0xf:
			size, rest = int(binary.BigEndian.Uint32(rest)), rest[4:]
		default:
			return nil, fmt.Errorf("a value of the type %#x", code)
		}
		if size > len(rest) {
			return nil, fmt.Errorf("a value is longer than its frame: %#x", code)
		}
		all, rest = append(all, rest[:size]), rest[size:]
	}
	return all, nil
}

func exchangeHeaders(conn net.Conn, expected []byte) error {
	if _, err := conn.Write(expected); err != nil {
		return err
	}
	got := make([]byte, len(expected))
	if _, err := io.ReadFull(conn, got); err != nil {
		return fmt.Errorf("waiting for the header: %w", err)
	}
	if !bytes.Equal(got, expected) {
		return fmt.Errorf("another header: % x", got)
	}
	return nil
}

func client(address, mechanism, user, password, queue string) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(deadline)
	if err := exchangeHeaders(conn, header); err != nil {
		return err
	}
	offered, err := read(conn, mechanismsFrame)
	if err != nil {
		return err
	}
	if len(offered) == 0 || !bytes.Contains(offered[0], []byte(mechanism)) {
		return fmt.Errorf("%s is not offered: %q", mechanism, offered)
	}
	scramClient, err := hashes[mechanism].NewClient(user, password, "")
	if err != nil {
		return err
	}
	conversation := scramClient.NewConversation()
	first, err := conversation.Step("")
	if err != nil {
		return err
	}
	if err := write(conn, initFrame, symbol(mechanism), binaryValue(first)); err != nil {
		return err
	}
	challenge, err := read(conn, challengeFrame)
	if err != nil {
		return err
	}
	final, err := conversation.Step(string(challenge[0]))
	if err != nil {
		return fmt.Errorf("the challenge: %w", err)
	}
	if err := write(conn, responseFrame, binaryValue(final)); err != nil {
		return err
	}
	outcome, err := read(conn, outcomeFrame)
	if err != nil {
		return err
	}
	if len(outcome) == 0 || (len(outcome[0]) == 1 && outcome[0][0] != 0) {
		return fmt.Errorf("the outcome is %v", outcome)
	}
	if len(outcome) < 2 {
		return errors.New("the outcome has no signature of the server")
	}
	if _, err := conversation.Step(string(outcome[1])); err != nil {
		return fmt.Errorf("the signature of the server: %w", err)
	}
	if !conversation.Valid() {
		return errors.New("the server is not who it should be")
	}
	conn.SetDeadline(time.Time{})
	return send(conn, queue)
}

func send(conn net.Conn, queue string) error {
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	connection, err := amqp.NewConn(ctx, conn, nil)
	if err != nil {
		return fmt.Errorf("opening: %w", err)
	}
	session, err := connection.NewSession(ctx, nil)
	if err != nil {
		return err
	}
	sender, err := session.NewSender(ctx, queue, nil)
	if err != nil {
		return err
	}
	if err := sender.Send(ctx, amqp.NewMessage([]byte("hello")), nil); err != nil {
		return fmt.Errorf("sending: %w", err)
	}
	return connection.Close()
}

func server(mechanism, user, password string) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer listener.Close()
	listener.(*net.TCPListener).SetDeadline(deadline)
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	conn, err := listener.Accept()
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(deadline)
	if err := exchangeHeaders(conn, header); err != nil {
		return err
	}
	if err := write(conn, mechanismsFrame, symbol(mechanism)); err != nil {
		return err
	}
	begin, err := read(conn, initFrame)
	if err != nil {
		return err
	}
	if len(begin) < 2 || string(begin[0]) != mechanism {
		return fmt.Errorf("the client begins with %q", begin)
	}
	known, err := hashes[mechanism].NewClient(user, password, "")
	if err != nil {
		return err
	}
	credentials := known.GetStoredCredentials(scram.KeyFactors{Salt: "salt of its own", Iters: 4096})
	scramServer, err := hashes[mechanism].NewServer(func(name string) (scram.StoredCredentials, error) {
		if name != user {
			return scram.StoredCredentials{}, fmt.Errorf("no such user: %q", name)
		}
		return credentials, nil
	})
	if err != nil {
		return err
	}
	conversation := scramServer.NewConversation()
	challenge, err := conversation.Step(string(begin[1]))
	if err != nil {
		return fmt.Errorf("the initial response: %w", err)
	}
	if err := write(conn, challengeFrame, binaryValue(challenge)); err != nil {
		return err
	}
	response, err := read(conn, responseFrame)
	if err != nil {
		return err
	}
	signature, err := conversation.Step(string(response[0]))
	if err != nil || !conversation.Valid() {
		write(conn, outcomeFrame, []byte{0x50, 1})
		return fmt.Errorf("the response is refused: %v", err)
	}
	if err := write(conn, outcomeFrame, []byte{0x50, 0}, binaryValue(signature)); err != nil {
		return err
	}
	return open(conn)
}

// open answers a client's open and close (AMQP 1.0, 2.4).
func open(conn net.Conn) error {
	if err := exchangeHeaders(conn, []byte("AMQP\x00\x01\x00\x00")); err != nil {
		return err
	}
	frame := []byte("\x00\x00\x00\x17\x02\x00\x00\x00\x00\x53\x10\xc0\x0a\x01\xa1\x07go_scra")
	frame[3] = byte(len(frame))
	if _, err := conn.Write(frame); err != nil {
		return err
	}
	for {
		var head [8]byte
		if _, err := io.ReadFull(conn, head[:]); err != nil {
			return fmt.Errorf("waiting for the close: %w", err)
		}
		size := binary.BigEndian.Uint32(head[:])
		if size < 8 || size > 65536 {
			return fmt.Errorf("no frame: % x", head)
		}
		body := make([]byte, size-8)
		if _, err := io.ReadFull(conn, body); err != nil {
			return err
		}
		if bytes.HasPrefix(body, []byte("\x00\x53\x18")) {
			_, err := conn.Write([]byte("\x00\x00\x00\x0c\x02\x00\x00\x00\x00\x53\x18\x45"))
			return err
		}
	}
}
