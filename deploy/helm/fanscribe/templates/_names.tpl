{{/* Names, labels, and where the parts find each other. */}}

{{- define "fanscribe.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- $name := .Values.nameOverride | default .Chart.Name -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The name of a component's objects: (dict "root" $ "component" "splitter"). */}}
{{- define "fanscribe.name" -}}
{{- printf "%s-%s" (include "fanscribe.fullname" .root) .component -}}
{{- end -}}

{{- define "fanscribe.selector" -}}
app.kubernetes.io/name: {{ .root.Values.nameOverride | default .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* Labels of pods: without versions, so that a release of one part does not restart the others. */}}
{{- define "fanscribe.podLabels" -}}
{{ include "fanscribe.selector" . }}
app.kubernetes.io/part-of: fanscribe
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "fanscribe.labels" -}}
{{ include "fanscribe.podLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{- define "fanscribe.metadata" -}}
name: {{ include "fanscribe.name" . }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "fanscribe.labels" . | nindent 2 }}
{{- end -}}

{{- define "fanscribe.serviceAccountName" -}}
{{- $account := (index .root.Values .component).serviceAccount -}}
{{- if $account.create -}}
{{- $account.name | default (include "fanscribe.name" .) -}}
{{- else -}}
{{- $account.name | default "default" -}}
{{- end -}}
{{- end -}}

{{- define "fanscribe.image" -}}
{{- $image := (index .root.Values .component).image -}}
{{- $repository := $image.repository -}}
{{- if not $repository -}}
{{- $repository = printf "fanscribe-%s-%s" .component (ternary "gpu" "cpu" .root.Values.inference.gpu.enabled) -}}
{{- end -}}
{{- with .root.Values.image.registry }}{{ $repository = printf "%s/%s" . $repository }}{{ end -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository ($image.tag | default .root.Values.image.tag | default .root.Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{/* Triton as gRPC resolves it: every replica behind the headless Service, or the address given. */}}
{{- define "fanscribe.inferenceAddress" -}}
{{- if .Values.components.inference -}}
{{- printf "dns:///%s.%s.svc:8001" (include "fanscribe.name" (dict "root" . "component" "inference")) .Release.Namespace -}}
{{- else -}}
{{- .Values.inference.external.address -}}
{{- end -}}
{{- end -}}

{{/* "true" where the autoscaler, not this chart, says how many replicas there are. */}}
{{- define "fanscribe.autoscaled" -}}
{{- if and (ne .component "orchestrator") (ne .root.Values.autoscaling.type "none") -}}true{{- end -}}
{{- end -}}
