{{/* Objects that each component has. Each takes (dict "root" $ "component" "splitter"). */}}

{{- define "fanscribe.serviceAccount" -}}
{{- $account := (index .root.Values .component).serviceAccount -}}
{{- if and (index .root.Values.components .component) $account.create }}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "fanscribe.serviceAccountName" . }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "fanscribe.labels" . | nindent 4 }}
  {{- with $account.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
{{- end }}
{{- end -}}

{{- define "fanscribe.podDisruptionBudget" -}}
{{- $budget := (index .root.Values .component).podDisruptionBudget -}}
{{- if and (index .root.Values.components .component) $budget.enabled }}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "fanscribe.metadata" . | nindent 2 }}
spec:
  maxUnavailable: {{ $budget.maxUnavailable }}
  # A pod that is not ready does no work that an eviction could lose.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "fanscribe.selector" . | nindent 6 }}
{{- end }}
{{- end -}}
