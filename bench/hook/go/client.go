package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// measure makes one call for each line of standard input, `ADDRESS [FILE]`, and prints what it took in
// milliseconds and how many bytes came back, or the error. FILE gets the answer. Connections stay open,
// as Envoy Gateway's does.
func measure(requestFile string) error {
	request, err := os.ReadFile(requestFile)
	if err != nil {
		return err
	}
	connections := map[string]*grpc.ClientConn{}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		address, file, _ := strings.Cut(lines.Text(), " ")
		connection := connections[address]
		if connection == nil {
			if connection, err = dial(address); err != nil {
				return err
			}
			connections[address] = connection
		}
		started := time.Now()
		var answer []byte
		if err := connection.Invoke(context.Background(), hookMethod, &request, &answer); err != nil {
			fmt.Printf("error %q\n", err.Error())
			continue
		}
		took := time.Since(started)
		if file != "" {
			if err := os.WriteFile(file, answer, 0o600); err != nil {
				return err
			}
		}
		fmt.Printf("ok %.3f %d\n", float64(took.Microseconds())/1000, len(answer))
	}
	return lines.Err()
}

func dial(address string) (*grpc.ClientConn, error) {
	return grpc.NewClient(address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(
			grpc.ForceCodecV2(rawCodec{}),
			grpc.MaxCallRecvMsgSize(maxMessageBytes),
			grpc.MaxCallSendMsgSize(maxMessageBytes)))
}
