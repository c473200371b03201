/** What an operator decides about connectors. */
export interface ConnectorSettings {
  readonly offlineResponse: OfflineResponse;
  /** Name of Envoy's internal listener at which the tunnels start. */
  readonly internalListener: string;
}

/** What a request is answered whose connector is offline. */
export interface OfflineResponse {
  /** HTTP status, 200 to 599. */
  readonly status: number;
  /** Text, at most 4,096 bytes: Envoy's limit for a direct response. */
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}
