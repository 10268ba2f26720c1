{{/* Parts of a ScaledObject: (dict "root" $ "component" "splitter"). */}}

{{- define "fanscribe.scaledObject.bounds" -}}
{{- $scaling := index .root.Values.autoscaling .component -}}
scaleTargetRef:
  name: {{ include "fanscribe.name" . }}
minReplicaCount: {{ $scaling.minReplicas }}
maxReplicaCount: {{ $scaling.maxReplicas }}
pollingInterval: {{ $scaling.pollingSeconds }}
cooldownPeriod: {{ $scaling.cooldownSeconds }}
# Without it an installation that is in use would begin with a drop to zero.
initialCooldownPeriod: {{ $scaling.cooldownSeconds }}
# Losing Prometheus scales nothing in.
fallback:
  failureThreshold: 3
  replicas: {{ $scaling.fallbackReplicas }}
  behavior: currentReplicasIfHigher
{{- end -}}

{{/* (dict "root" $ "name" "chunks" "query" "sum(...)" "threshold" 2) */}}
{{- define "fanscribe.scaledObject.trigger" -}}
{{- $prometheus := .root.Values.autoscaling.prometheus -}}
- type: prometheus
  name: {{ .name }}
  metricType: AverageValue
  metadata:
    serverAddress: {{ $prometheus.serverAddress }}
    query: {{ .query | quote }}
    threshold: {{ .threshold | quote }}
    activationThreshold: "0"
    # No answer is an error, not an empty backlog.
    ignoreNullValues: "false"
    {{- with $prometheus.authentication.modes }}
    authModes: {{ . | quote }}
    {{- end }}
  {{- with $prometheus.authentication }}
  {{- if .name }}
  authenticationRef:
    name: {{ .name }}
    kind: {{ .kind }}
  {{- end }}
  {{- end }}
{{- end -}}
