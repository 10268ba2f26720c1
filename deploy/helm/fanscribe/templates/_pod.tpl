{{/* What all pods have in common. Each takes (dict "root" $ "component" "splitter"). */}}

{{/* A setting's value as text: whole numbers without exponent, lists with commas. */}}
{{- define "fanscribe.text" -}}
{{- if kindIs "slice" . -}}
{{- join "," . -}}
{{- else if and (kindIs "float64" .) (eq (floor .) .) -}}
{{- int64 . -}}
{{- else -}}
{{- . -}}
{{- end -}}
{{- end -}}

{{/* FANSCRIBE_* variables of a map of settings: (dict "settings" $map "prefix" "FANSCRIBE_"). */}}
{{- define "fanscribe.settings" -}}
{{- $prefix := .prefix }}
{{- range $name, $value := .settings }}
- name: {{ $prefix }}{{ $name }}
  value: {{ include "fanscribe.text" $value | quote }}
{{- end }}
{{- end -}}

{{/* Which recordings may be read: orchestrator and splitter alike. */}}
{{- define "fanscribe.mediaEnv" -}}
{{- with .Values.media.allowedNetworks }}
- name: FANSCRIBE_MEDIA_ALLOWED_NETWORKS
  value: {{ join "," . | quote }}
{{- end }}
{{- with .Values.media.deniedNetworks }}
- name: FANSCRIBE_MEDIA_DENIED_NETWORKS
  value: {{ join "," . | quote }}
{{- end }}
{{- if .Values.media.certificates.configMap }}
- name: FANSCRIBE_MEDIA_CA_FILE
  value: /etc/fanscribe/certificates/{{ .Values.media.certificates.key }}
{{- end }}
{{- include "fanscribe.settings" (dict "settings" .Values.media.settings "prefix" "FANSCRIBE_MEDIA_") }}
{{- end -}}

{{- define "fanscribe.podMetadata" -}}
{{- $values := index .root.Values .component -}}
labels:
  {{- include "fanscribe.podLabels" . | nindent 2 }}
  {{- with $values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- $annotations := dict -}}
{{- if .root.Values.monitoring.scrapeAnnotations -}}
{{- $port := ternary "8002" "9090" (eq .component "inference") -}}
{{- $annotations = dict "prometheus.io/scrape" "true" "prometheus.io/port" $port "prometheus.io/path" "/metrics" -}}
{{- end -}}
{{- $annotations = mergeOverwrite $annotations $values.podAnnotations -}}
{{- with $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Everything of a pod's spec but its containers and volumes. */}}
{{- define "fanscribe.podSettings" -}}
{{- $values := index .root.Values .component -}}
serviceAccountName: {{ include "fanscribe.serviceAccountName" . }}
automountServiceAccountToken: {{ .mountToken | default false }}
# A Service called fanscribe would set FANSCRIBE_PORT.
enableServiceLinks: false
terminationGracePeriodSeconds: {{ add $values.preStopSeconds $values.drainSeconds 15 }}
securityContext:
  {{- toYaml .root.Values.podSecurityContext | nindent 2 }}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations | default $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if $values.topologySpread }}
topologySpreadConstraints:
  {{- range $values.topologySpread }}
  - {{- toYaml . | nindent 4 }}
    labelSelector:
      matchLabels:
        {{- include "fanscribe.selector" $ | nindent 8 }}
  {{- end }}
{{- end }}
{{- with $values.extraPodSpec }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* What runs before a service, or beside it where `restartPolicy: Always` says so. */}}
{{- define "fanscribe.initContainers" -}}
{{- $values := index .root.Values .component -}}
{{- $own := "" -}}
{{- if eq .component "inference" -}}{{- $own = include "fanscribe.weightsInit" .root | trim -}}{{- end -}}
{{- if or $own $values.extraInitContainers }}
initContainers:
  {{- with $values.extraInitContainers }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- with $own }}
  {{- . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* Of a container: image, rights, resources, hook. */}}
{{- define "fanscribe.container" -}}
{{- $values := index .root.Values .component -}}
image: {{ include "fanscribe.image" . }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  {{- toYaml .root.Values.containerSecurityContext | nindent 2 }}
lifecycle:
  preStop:
    sleep:
      seconds: {{ $values.preStopSeconds }}
{{- with $values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Variables that every service is told. */}}
{{- define "fanscribe.commonEnv" -}}
{{- $values := index .root.Values .component -}}
- name: FANSCRIBE_LOG_LEVEL
  value: {{ $values.logLevel | default "info" }}
- name: FANSCRIBE_DRAIN_S
  value: {{ $values.drainSeconds | quote }}
{{- end -}}

{{/* Volumes of a service that reads recordings. */}}
{{- define "fanscribe.mediaVolumes" -}}
{{- $values := index .root.Values .component -}}
- name: tmp
  emptyDir: {}
{{- with .root.Values.media.certificates.configMap }}
- name: certificates
  configMap:
    name: {{ . }}
{{- end }}
{{- include "fanscribe.tls.volumes" . }}
{{- with $values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "fanscribe.mediaVolumeMounts" -}}
{{- $values := index .root.Values .component -}}
- name: tmp
  mountPath: /tmp
{{- if .root.Values.media.certificates.configMap }}
- name: certificates
  mountPath: /etc/fanscribe/certificates
  readOnly: true
{{- end }}
{{- include "fanscribe.tls.volumeMounts" . }}
{{- with $values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* What the kubelet asks a service, by gRPC, or on the page for it where the service speaks TLS, which the
kubelet's gRPC probes do not know: (dict "tls" $yes "service" "live" "page" "/healthz"). */}}
{{- define "fanscribe.probe" -}}
{{- if .tls -}}
httpGet:
  path: {{ .page }}
  port: metrics
{{- else -}}
grpc:
  port: 50051
  {{- with .service }}
  service: {{ . }}
  {{- end }}
{{- end -}}
{{- end -}}
