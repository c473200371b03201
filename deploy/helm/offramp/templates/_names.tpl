{{- define "offramp.name" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains "offramp" .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-offramp" (.Release.Name | trunc 55 | trimSuffix "-") -}}
{{- end -}}
{{- end -}}

{{- define "offramp.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (include "offramp.name" .) -}}
{{- end -}}

{{- define "offramp.stateName" -}}
{{- printf "%s-state" (include "offramp.name" . | trunc 57 | trimSuffix "-") -}}
{{- end -}}

{{- define "offramp.dashboardName" -}}
{{- printf "%s-dashboard" (include "offramp.name" . | trunc 53 | trimSuffix "-") -}}
{{- end -}}

{{- /* A file of the chart, with metrics under the names that the configuration gives them. */ -}}
{{- define "offramp.withPrefix" -}}
{{- $prefix := dig "metrics" "prefix" "offramp" (index . 0).Values.config -}}
{{- regexReplaceAll "\\bofframp_" ((index . 0).Files.Get (index . 1)) (printf "%s_" $prefix) -}}
{{- end -}}

{{- define "offramp.selectorLabels" -}}
app.kubernetes.io/name: offramp
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- /* Without what changes with the chart alone: that would roll the pods. */ -}}
{{- define "offramp.podLabels" -}}
{{ include "offramp.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "offramp.labels" -}}
{{ include "offramp.podLabels" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "offramp.metadata" -}}
name: {{ include "offramp.name" . }}
namespace: {{ .Release.Namespace }}
labels:
  {{- include "offramp.labels" . | nindent 2 }}
{{- end -}}

{{- define "offramp.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{- /* The configuration says where Offramp listens; everything else follows it. */ -}}
{{- define "offramp.grpcPort" -}}
{{- regexFind "[0-9]+$" .Values.config.grpc.address -}}
{{- end -}}

{{- define "offramp.httpPort" -}}
{{- regexFind "[0-9]+$" .Values.config.http.address -}}
{{- end -}}

{{- /* "true" when connectors come from the API server of this cluster. */ -}}
{{- define "offramp.readsThisCluster" -}}
{{- $state := .Values.config.state | default dict -}}
{{- if kindIs "map" $state.kubernetes -}}
{{- if not $state.kubernetes.kubeconfig -}}true{{- end -}}
{{- end -}}
{{- end -}}

{{- /* The Secret to mount; none without TLS. */ -}}
{{- define "offramp.tlsSecret" -}}
{{- if .Values.config.grpc.tls -}}{{- .Values.tls.secretName -}}{{- end -}}
{{- end -}}

{{- define "offramp.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "offramp.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}
