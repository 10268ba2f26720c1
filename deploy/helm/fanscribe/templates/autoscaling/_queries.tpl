{{/*
What the triggers ask Prometheus. Every answer is exactly one number: sums, so that several
orchestrators add up; and no number at all, rather than 0, when the orchestrators' series are gone.
Each takes $.
*/}}

{{- define "fanscribe.matchers" -}}
{{- .Values.autoscaling.prometheus.matchers | default (printf "namespace=%q,app_kubernetes_io_instance=%q" .Release.Namespace .Release.Name) -}}
{{- end -}}

{{- define "fanscribe.backlogMatchers" -}}
{{- .Values.autoscaling.prometheus.backlogMatchers | default (include "fanscribe.matchers" .) -}}
{{- end -}}

{{- define "fanscribe.query.chunks" -}}
sum(fanscribe_backlog_chunks{ {{- include "fanscribe.matchers" . -}} })
{{- end -}}

{{- define "fanscribe.query.audioSeconds" -}}
sum(fanscribe_backlog_audio_seconds{ {{- include "fanscribe.backlogMatchers" . -}} })
{{- end -}}

{{/*
Audio seconds a second turned into text: the load that there is, even when nothing is outstanding,
because all of it is done at once. An orchestrator that has just started has no rate yet.
*/}}
{{- define "fanscribe.query.done" -}}
sum(rate(fanscribe_audio_seconds_total{ {{- include "fanscribe.backlogMatchers" . -}} }[5m])) or vector(0)
{{- end -}}

{{/*
Time spent in the queue by all requests, for each second that passes: how many wait on average.
Without replicas there are no series, and nothing waits.
*/}}
{{- define "fanscribe.query.waiting" -}}
sum(rate(nv_inference_queue_duration_us{model="whisper",{{ include "fanscribe.matchers" . }}}[1m])) / 1e6 or vector(0)
{{- end -}}
