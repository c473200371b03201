package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/envoyproxy/gateway/proto/extension"
	"google.golang.org/grpc"
)

const (
	maxMessageBytes = 256 << 20
	hookMethod      = "/envoygateway.extension.EnvoyGatewayExtension/PostTranslateModify"
)

func serveEcho(address string) error {
	handler := func(_ any, stream grpc.ServerStream) error {
		var message []byte
		if err := stream.RecvMsg(&message); err != nil {
			return err
		}
		return stream.SendMsg(&message)
	}
	server := grpc.NewServer(append(limits(),
		grpc.ForceServerCodecV2(rawCodec{}),
		grpc.UnknownServiceHandler(handler))...)
	return listen(server, address)
}

type peer struct {
	extension.UnimplementedEnvoyGatewayExtensionServer
	state connectors
}

func servePeer(address, stateFile string) error {
	text, err := os.ReadFile(stateFile)
	if err != nil {
		return err
	}
	var state connectors
	if err := json.Unmarshal(text, &state); err != nil {
		return err
	}
	server := grpc.NewServer(limits()...)
	extension.RegisterEnvoyGatewayExtensionServer(server, &peer{state: state})
	return listen(server, address)
}

func (p *peer) PostTranslateModify(
	_ context.Context, request *extension.PostTranslateModifyRequest,
) (*extension.PostTranslateModifyResponse, error) {
	if err := p.state.rewrite(request); err != nil {
		return nil, err
	}
	return &extension.PostTranslateModifyResponse{
		Clusters:  request.Clusters,
		Secrets:   request.Secrets,
		Listeners: request.Listeners,
		Routes:    request.Routes,
	}, nil
}

func limits() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.MaxRecvMsgSize(maxMessageBytes),
		grpc.MaxSendMsgSize(maxMessageBytes),
	}
}

// listen says on standard output when connections are taken; the benchmark waits for that line.
func listen(server *grpc.Server, address string) error {
	network, place := "tcp", address
	if path, isUnix := strings.CutPrefix(address, "unix:"); isUnix {
		network, place = "unix", path
	}
	listener, err := net.Listen(network, place)
	if err != nil {
		return err
	}
	fmt.Println("listening")
	return server.Serve(listener)
}
