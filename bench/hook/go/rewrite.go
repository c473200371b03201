package main

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/envoyproxy/gateway/proto/extension"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

type tunnel struct {
	Host       string `json:"host"`
	Port       int    `json:"port"`
	EndpointID string `json:"endpointId"`
}

func (t tunnel) address() string { return t.Host + ":" + strconv.Itoa(t.Port) }

// connectors says which clusters lead to a connector, and whether it is online.
type connectors struct {
	Offline map[string]bool   `json:"offline"`
	Online  map[string]tunnel `json:"online"`
}

var outsideHostName = regexp.MustCompile(`[^a-z0-9.-]`)

// rewrite does to typed messages what Offramp does to bytes: offline connectors are answered, online
// ones get their tunnel, as far as the benchmark's fleet has them.
func (c connectors) rewrite(request *extension.PostTranslateModifyRequest) error {
	for i, cluster := range request.Clusters {
		if end, isOnline := c.Online[cluster.Name]; isOnline {
			replacement, err := tunnelCluster(cluster.Name, end)
			if err != nil {
				return err
			}
			request.Clusters[i] = replacement
		}
	}
	needConnect := map[string]bool{}
	for _, configuration := range request.Routes {
		for _, host := range configuration.VirtualHosts {
			if c.rewriteHost(host) {
				needConnect[configuration.Name] = true
			}
		}
	}
	for _, listener := range request.Listeners {
		if err := allowConnect(listener, needConnect); err != nil {
			return err
		}
	}
	return nil
}

// rewriteHost says whether CONNECT needs the connection managers to let it through.
func (c connectors) rewriteHost(host *routev3.VirtualHost) bool {
	var routes []*routev3.Route
	tunnelled, answered := "", false
	for _, route := range host.Routes {
		cluster := route.GetRoute().GetCluster()
		if _, isOnline := c.Online[cluster]; isOnline && tunnelled == "" {
			tunnelled = cluster
		}
		if c.Offline[cluster] {
			answered = true
			routes = append(routes, refuseUpgrades(route)...)
			route.Action = offlineAnswer()
		}
		routes = append(routes, route)
	}
	host.Routes = routes
	name := outsideHostName.ReplaceAllString(host.Name, "-")
	if tunnelled != "" {
		host.Routes = slices.Insert(host.Routes, 0, connectRoute("connector-connect-"+name, connectThrough(tunnelled)))
		host.Domains = append(host.Domains, name+".connector.internal")
	} else if answered {
		host.Routes = slices.Insert(host.Routes, 0, connectRoute("connector-offline-"+name, offlineAnswer()))
	}
	return answered && tunnelled == ""
}

func refuseUpgrades(route *routev3.Route) []*routev3.Route {
	var refusals []*routev3.Route
	for _, upgrade := range route.GetRoute().GetUpgradeConfigs() {
		refusal := proto.Clone(route).(*routev3.Route)
		refusal.Name += "/offline-" + strings.ToLower(upgrade.UpgradeType)
		refusal.Match.Headers = append(refusal.Match.Headers, asksFor(upgrade.UpgradeType))
		refusal.Action = absentCluster(upgrade.UpgradeType)
		refusals = append(refusals, refusal)
	}
	return refusals
}

func allowConnect(listener *listenerv3.Listener, needConnect map[string]bool) error {
	chains := append(slices.Clone(listener.FilterChains), listener.DefaultFilterChain)
	for _, chain := range chains {
		for _, filter := range chain.GetFilters() {
			config := filter.GetTypedConfig()
			manager := &hcmv3.HttpConnectionManager{}
			if !config.MessageIs(manager) {
				continue
			}
			if err := config.UnmarshalTo(manager); err != nil {
				return err
			}
			if !needConnect[manager.GetRds().GetRouteConfigName()] {
				continue
			}
			manager.UpgradeConfigs = append(manager.UpgradeConfigs,
				&hcmv3.HttpConnectionManager_UpgradeConfig{UpgradeType: "CONNECT"})
			changed, err := anypb.New(manager)
			if err != nil {
				return err
			}
			filter.ConfigType = &listenerv3.Filter_TypedConfig{TypedConfig: changed}
		}
	}
	return nil
}
