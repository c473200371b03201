// What a client in Go, as Envoy Gateway is one, sees of the extension service.
//
//	grpc-go ADDRESS REQUEST
//
// Takes cases from standard input, one a line, and prints what came of each: the gRPC code, the message,
// and how many bytes were answered, as JSON.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
)

const (
	hookMethod   = "/envoygateway.extension.EnvoyGatewayExtension/PostTranslateModify"
	largest      = 256 << 20
	keepaliveGap = 10 * time.Second // grpc-go allows no shorter one
)

func main() {
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(address, requestFile string) error {
	encoding.RegisterCompressor(unknownCompressor{})
	request, err := os.ReadFile(requestFile)
	if err != nil {
		return err
	}
	connection, err := grpc.NewClient(address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{
			Time: keepaliveGap, Timeout: 5 * time.Second, PermitWithoutStream: true,
		}),
		grpc.WithDefaultCallOptions(
			grpc.ForceCodecV2(rawCodec{}),
			grpc.MaxCallRecvMsgSize(largest),
			grpc.MaxCallSendMsgSize(2*largest)))
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		print(try(connection, lines.Text(), request))
	}
	return lines.Err()
}

type outcome struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Bytes   int    `json:"bytes"`
}

func try(connection *grpc.ClientConn, what string, request []byte) outcome {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var options []grpc.CallOption
	switch what {
	case "plain":
	case "deadline":
		short, end := context.WithTimeout(ctx, 20*time.Millisecond)
		defer end()
		ctx = short
	case "cancel":
		time.AfterFunc(20*time.Millisecond, cancel)
	case "gzip":
		options = append(options, grpc.UseCompressor("gzip"))
	case "unknown compression":
		options = append(options, grpc.UseCompressor("unknown"))
	case "too large":
		request = make([]byte, largest+1)
	case "malformed":
		request = []byte{0x0a}
	case "after keepalive":
		time.Sleep(keepaliveGap * 5 / 4)
	default:
		return outcome{Code: "no such case", Message: what}
	}
	var answer []byte
	err := connection.Invoke(ctx, hookMethod, &request, &answer, options...)
	its := status.Convert(err)
	return outcome{Code: its.Code().String(), Message: its.Message(), Bytes: len(answer)}
}

func print(one outcome) {
	text, _ := json.Marshal(one)
	fmt.Println(string(text))
}

// rawCodec passes messages as bytes. It goes by the name of protobuf's: that is what peers ask for.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(message any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*message.(*[]byte))}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, message any) error {
	*message.(*[]byte) = data.Materialize()
	return nil
}

// unknownCompressor is one that no server knows.
type unknownCompressor struct{}

func (unknownCompressor) Name() string { return "unknown" }

func (unknownCompressor) Compress(w io.Writer) (io.WriteCloser, error) { return noClose{w}, nil }

func (unknownCompressor) Decompress(r io.Reader) (io.Reader, error) { return r, nil }

type noClose struct{ io.Writer }

func (noClose) Close() error { return nil }
