{{/* Batches worked on at a time: two on a GPU, elsewhere one for each core that the pod asks for. Takes $. */}}
{{- define "fanscribe.workers" -}}
{{- $cpu := (.Values.inference.resources.requests | default dict).cpu | default "1" | toString -}}
{{- if .Values.inference.gpu.enabled -}}
2
{{- else if hasSuffix "m" $cpu -}}
{{- max 1 (div (trimSuffix "m" $cpu | int) 1000) -}}
{{- else -}}
{{- max 1 (int (floor ($cpu | float64))) -}}
{{- end -}}
{{- end -}}
