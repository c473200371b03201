package main

import (
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	internalupstreamv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/internal_upstream/v3"
	rawbufferv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/raw_buffer/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	metadatav3 "github.com/envoyproxy/go-control-plane/envoy/type/metadata/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
)

func offlineAnswer() *routev3.Route_DirectResponse {
	text := &corev3.DataSource_InlineString{InlineString: "Tunnel not online"}
	return &routev3.Route_DirectResponse{DirectResponse: &routev3.DirectResponseAction{
		Status: 503,
		Body:   &corev3.DataSource{Specifier: text},
	}}
}

func absentCluster(upgrade string) *routev3.Route_Route {
	return &routev3.Route_Route{Route: &routev3.RouteAction{
		ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: "offramp-connector-offline"},
		UpgradeConfigs:   []*routev3.RouteAction_UpgradeConfig{{UpgradeType: upgrade}},
	}}
}

func asksFor(upgrade string) *routev3.HeaderMatcher {
	matcher := &matcherv3.StringMatcher{
		MatchPattern: &matcherv3.StringMatcher_Exact{Exact: upgrade},
		IgnoreCase:   true,
	}
	return &routev3.HeaderMatcher{
		Name:                 "upgrade",
		HeaderMatchSpecifier: &routev3.HeaderMatcher_StringMatch{StringMatch: matcher},
	}
}

func connectThrough(cluster string) *routev3.Route_Route {
	return &routev3.Route_Route{Route: &routev3.RouteAction{
		ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: cluster},
		UpgradeConfigs: []*routev3.RouteAction_UpgradeConfig{{
			UpgradeType:   "CONNECT",
			ConnectConfig: &routev3.RouteAction_UpgradeConfig_ConnectConfig{},
		}},
	}}
}

func connectRoute[Action *routev3.Route_Route | *routev3.Route_DirectResponse](name string, action Action) *routev3.Route {
	route := &routev3.Route{Name: name, Match: &routev3.RouteMatch{
		PathSpecifier: &routev3.RouteMatch_ConnectMatcher_{ConnectMatcher: &routev3.RouteMatch_ConnectMatcher{}},
	}}
	switch action := any(action).(type) {
	case *routev3.Route_Route:
		route.Action = action
	case *routev3.Route_DirectResponse:
		route.Action = action
	}
	return route
}

func tunnelCluster(name string, end tunnel) (*clusterv3.Cluster, error) {
	metadata, err := structpb.NewStruct(map[string]any{"address": end.address(), "endpoint_id": end.EndpointID})
	if err != nil {
		return nil, err
	}
	socket, err := internalUpstream()
	if err != nil {
		return nil, err
	}
	internal := &corev3.EnvoyInternalAddress{
		AddressNameSpecifier: &corev3.EnvoyInternalAddress_ServerListenerName{ServerListenerName: "connector-tunnel"},
	}
	address := &corev3.Address{Address: &corev3.Address_EnvoyInternalAddress{EnvoyInternalAddress: internal}}
	endpoint := &endpointv3.LbEndpoint{
		HostIdentifier: &endpointv3.LbEndpoint_Endpoint{Endpoint: &endpointv3.Endpoint{Address: address}},
		Metadata:       &corev3.Metadata{FilterMetadata: map[string]*structpb.Struct{"tunnel": metadata}},
	}
	return &clusterv3.Cluster{
		Name:                 name,
		ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STATIC},
		ConnectTimeout:       &durationpb.Duration{Seconds: 5},
		LoadAssignment: &endpointv3.ClusterLoadAssignment{
			ClusterName: name,
			Endpoints:   []*endpointv3.LocalityLbEndpoints{{LbEndpoints: []*endpointv3.LbEndpoint{endpoint}}},
		},
		TransportSocket: socket,
	}, nil
}

func internalUpstream() (*corev3.TransportSocket, error) {
	raw, err := anypb.New(&rawbufferv3.RawBuffer{})
	if err != nil {
		return nil, err
	}
	host := &metadatav3.MetadataKind{Kind: &metadatav3.MetadataKind_Host_{Host: &metadatav3.MetadataKind_Host{}}}
	upstream, err := anypb.New(&internalupstreamv3.InternalUpstreamTransport{
		PassthroughMetadata: []*internalupstreamv3.InternalUpstreamTransport_MetadataValueSource{{Kind: host, Name: "tunnel"}},
		TransportSocket: &corev3.TransportSocket{
			Name:       "envoy.transport_sockets.raw_buffer",
			ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: raw},
		},
	})
	if err != nil {
		return nil, err
	}
	return &corev3.TransportSocket{
		Name:       "envoy.transport_sockets.internal_upstream",
		ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: upstream},
	}, nil
}
