{{/* TLS and tokens: where secrets are mounted, and what the services are told of them. */}}

{{/* The secret with a component's certificate: (dict "root" $ "component" "splitter"). */}}
{{- define "fanscribe.tls.secret" -}}
{{- if eq .root.Values.tls.mode "certManager" -}}
{{- printf "%s-tls" (include "fanscribe.name" .) -}}
{{- else -}}
{{- index .root.Values.tls.secrets .component -}}
{{- end -}}
{{- end -}}

{{/* "true" where callers speak TLS with the orchestrator. Takes $. */}}
{{- define "fanscribe.tls.api" -}}
{{- if or .Values.tls.enabled .Values.api.tls.secretName -}}true{{- end -}}
{{- end -}}

{{/* "true" where splitters speak TLS with Triton. Takes $. */}}
{{- define "fanscribe.tls.inference" -}}
{{- if and .Values.tls.enabled (or .Values.components.inference .Values.inference.external.tls) -}}true{{- end -}}
{{- end -}}

{{/* The secret whose certificate callers are shown. Takes $. */}}
{{- define "fanscribe.tls.apiSecret" -}}
{{- .Values.api.tls.secretName | default (include "fanscribe.tls.secret" (dict "root" . "component" "orchestrator")) -}}
{{- end -}}

{{/* A name that the certificate for callers has. Takes $. */}}
{{- define "fanscribe.tls.apiName" -}}
{{- $service := include "fanscribe.name" (dict "root" . "component" "orchestrator") -}}
{{- first (append .Values.api.tls.names (printf "%s.%s.svc" $service .Release.Namespace)) -}}
{{- end -}}

{{/* Names that a component's certificate has. Takes (dict "root" $ "component" "splitter"). */}}
{{- define "fanscribe.tls.names" -}}
{{- $service := include "fanscribe.name" . -}}
{{- $namespace := .root.Release.Namespace -}}
- {{ $service }}
- {{ printf "%s.%s" $service $namespace }}
- {{ printf "%s.%s.svc" $service $namespace }}
- {{ printf "%s.%s.svc.cluster.local" $service $namespace }}
{{- if eq .component "orchestrator" }}
{{- range .root.Values.api.tls.names }}
- {{ . }}
{{- end }}
{{- end }}
{{- end -}}

{{/* What a port of a service says of itself: "true" for TLS. */}}
{{- define "fanscribe.tls.appProtocol" -}}
{{- ternary "https" "kubernetes.io/h2c" (eq . "true") -}}
{{- end -}}

{{/* For a server that the other services call. Takes $. */}}
{{- define "fanscribe.tls.serverEnv" -}}
{{- if .Values.tls.enabled }}
- name: FANSCRIBE_TLS_CERT_FILE
  value: /etc/fanscribe/tls/tls.crt
- name: FANSCRIBE_TLS_KEY_FILE
  value: /etc/fanscribe/tls/tls.key
{{- if .Values.tls.mutual }}
- name: FANSCRIBE_TLS_CLIENT_CA_FILE
  value: /etc/fanscribe/tls/ca.crt
{{- end }}
{{- end }}
{{- end -}}

{{/* For a client of another service: (dict "root" $ "peer" "SPLITTER"). */}}
{{- define "fanscribe.tls.clientEnv" -}}
- name: FANSCRIBE_{{ .peer }}_CA_FILE
  value: /etc/fanscribe/tls/ca.crt
{{- if .root.Values.tls.mutual }}
- name: FANSCRIBE_{{ .peer }}_CERT_FILE
  value: /etc/fanscribe/tls/tls.crt
- name: FANSCRIBE_{{ .peer }}_KEY_FILE
  value: /etc/fanscribe/tls/tls.key
{{- end }}
{{- end -}}

{{/* For the orchestrator: what it shows callers, and asks of them. Takes $. */}}
{{- define "fanscribe.tls.apiEnv" -}}
{{- $api := .Values.api -}}
{{- if include "fanscribe.tls.api" . }}
{{- $folder := ternary "api-tls" "tls" (not (empty $api.tls.secretName)) }}
- name: FANSCRIBE_TLS_CERT_FILE
  value: /etc/fanscribe/{{ $folder }}/tls.crt
- name: FANSCRIBE_TLS_KEY_FILE
  value: /etc/fanscribe/{{ $folder }}/tls.key
{{- if $api.tls.clientCertificates.required }}
- name: FANSCRIBE_TLS_CLIENT_CA_FILE
  value: /etc/fanscribe/{{ ternary "callers" "tls" (not (empty $api.tls.clientCertificates.secretName)) }}/ca.crt
{{- end }}
{{- end }}
{{- if $api.tokens.secretName }}
- name: FANSCRIBE_TOKENS_FILE
  value: /etc/fanscribe/tokens/{{ $api.tokens.key }}
{{- end }}
{{- end -}}

{{/* Secrets as (list of dict "name" "secret" "key"), mounted whole: a subPath would never be renewed. */}}
{{- define "fanscribe.tls.mounted" -}}
{{- $values := .root.Values -}}
{{- $mounted := list -}}
{{- if $values.tls.enabled -}}
{{- $mounted = append $mounted (dict "name" "tls" "secret" (include "fanscribe.tls.secret" .)) -}}
{{- end -}}
{{- if eq .component "orchestrator" -}}
{{- with $values.api.tls.secretName -}}
{{- $mounted = append $mounted (dict "name" "api-tls" "secret" .) -}}
{{- end -}}
{{- $callers := $values.api.tls.clientCertificates -}}
{{- if and $callers.required $callers.secretName -}}
{{- $mounted = append $mounted (dict "name" "callers" "secret" $callers.secretName "key" "ca.crt") -}}
{{- end -}}
{{- with $values.api.tokens -}}
{{- if .secretName -}}
{{- $mounted = append $mounted (dict "name" "tokens" "secret" .secretName "key" .key) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml $mounted -}}
{{- end -}}

{{- define "fanscribe.tls.volumes" -}}
{{- range include "fanscribe.tls.mounted" . | fromYamlArray }}
- name: {{ .name }}
  secret:
    secretName: {{ .secret }}
    defaultMode: 0440
    {{- with .key }}
    items:
      - key: {{ . }}
        path: {{ . }}
    {{- end }}
{{- end }}
{{- end -}}

{{- define "fanscribe.tls.volumeMounts" -}}
{{- range include "fanscribe.tls.mounted" . | fromYamlArray }}
- name: {{ .name }}
  mountPath: /etc/fanscribe/{{ .name }}
  readOnly: true
{{- end }}
{{- end -}}
