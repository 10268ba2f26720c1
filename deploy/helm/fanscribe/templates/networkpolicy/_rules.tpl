{{/* Rules that several policies share. Each takes $ unless it says otherwise. */}}

{{- define "fanscribe.policy.ports" -}}
{{- range . }}
- protocol: TCP
  port: {{ . }}
{{- end }}
{{- end -}}

{{- define "fanscribe.policy.dns" -}}
- to:
    {{- toYaml .Values.networkPolicy.dns.to | nindent 4 }}
  ports:
    {{- range .Values.networkPolicy.dns.ports }}
    - protocol: UDP
      port: {{ . }}
    - protocol: TCP
      port: {{ . }}
    {{- end }}
{{- end -}}

{{/* The internet without what is not public: (dict "root" $ "denied" $list). */}}
{{- define "fanscribe.policy.internet" -}}
{{- $v4 := list -}}
{{- $v6 := list -}}
{{- range concat .root.Values.networkPolicy.privateNetworks .denied -}}
{{- if contains ":" . -}}{{- $v6 = append $v6 . -}}{{- else -}}{{- $v4 = append $v4 . -}}{{- end -}}
{{- end -}}
- ipBlock:
    cidr: 0.0.0.0/0
    except:
      {{- toYaml ($v4 | uniq) | nindent 6 }}
- ipBlock:
    cidr: ::/0
    except:
      {{- toYaml ($v6 | uniq) | nindent 6 }}
{{- end -}}

{{/* Where recordings come from. */}}
{{- define "fanscribe.policy.mediaHosts" -}}
- to:
    {{- include "fanscribe.policy.internet" (dict "root" . "denied" .Values.media.deniedNetworks) | nindent 4 }}
    {{- range .Values.media.allowedNetworks }}
    - ipBlock:
        cidr: {{ . | quote }}
    {{- end }}
  {{- with .Values.networkPolicy.mediaPorts }}
  ports:
    {{- with include "fanscribe.policy.ports" . }}{{ . | trim | nindent 4 }}{{ end }}
  {{- end }}
{{- end -}}

{{/* The API server: as given, as found in the cluster, or anywhere on its ports. */}}
{{- define "fanscribe.policy.apiServer" -}}
{{- $cidrs := .Values.networkPolicy.apiServer.cidrs -}}
{{- if not $cidrs -}}
{{- $service := lookup "v1" "Service" "default" "kubernetes" -}}
{{- if $service -}}{{- $cidrs = $service.spec.clusterIPs -}}{{- end -}}
{{- $slice := lookup "discovery.k8s.io/v1" "EndpointSlice" "default" "kubernetes" -}}
{{- range ($slice.endpoints | default list) -}}{{- $cidrs = concat $cidrs .addresses -}}{{- end -}}
{{- end -}}
- ports:
    {{- with include "fanscribe.policy.ports" .Values.networkPolicy.apiServer.ports }}{{ . | trim | nindent 4 }}{{ end }}
  {{- if $cidrs }}
  to:
    {{- range $cidrs | uniq }}
    - ipBlock:
        cidr: {{ ternary . (printf "%s/%s" . (ternary "128" "32" (contains ":" .))) (contains "/" .) | quote }}
    {{- end }}
  {{- end }}
{{- end -}}

{{/* Who may read metrics: (dict "root" $ "port" 9090). */}}
{{- define "fanscribe.policy.metrics" -}}
{{- with .root.Values.networkPolicy.monitoring }}
- from:
    {{- toYaml . | nindent 4 }}
  ports:
    - protocol: TCP
      port: {{ $.port }}
{{- end }}
{{- end -}}
