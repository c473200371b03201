package main

import (
	"fmt"

	"google.golang.org/grpc/mem"
)

// rawCodec passes messages as bytes. It goes by the name of protobuf's: that is what peers ask for.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(message any) (mem.BufferSlice, error) {
	bytes, ok := message.(*[]byte)
	if !ok {
		return nil, fmt.Errorf("%T is not raw bytes", message)
	}
	return mem.BufferSlice{mem.SliceBuffer(*bytes)}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, message any) error {
	bytes, ok := message.(*[]byte)
	if !ok {
		return fmt.Errorf("%T is not raw bytes", message)
	}
	*bytes = data.Materialize()
	return nil
}
