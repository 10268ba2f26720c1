{{/* Where the weights come from: init container, volume, and what the model is told. Each takes $. */}}

{{/* "true" where an init container fetches the weights into the volume. */}}
{{- define "fanscribe.weightsFetched" -}}
{{- if has .Values.inference.weights.source (list "image" "objectStorage" "huggingFace") -}}true{{- end -}}
{{- end -}}

{{/* FANSCRIBE_MODEL: a packaged name, a folder, or a commit on the Hub. */}}
{{- define "fanscribe.model" -}}
{{- $weights := .Values.inference.weights -}}
{{- if eq $weights.source "package" -}}
{{- $weights.model -}}
{{- else if eq $weights.source "huggingFace" -}}
{{- printf "%s@%s" $weights.huggingFace.repository $weights.huggingFace.revision -}}
{{- else if eq $weights.source "pvc" -}}
/weights
{{- else -}}
{{- /* By digest: weights of another release in a shared cache are another folder. */ -}}
/weights/{{ $weights.sha256 | trunc 16 }}
{{- end -}}
{{- end -}}

{{- define "fanscribe.modelEnv" -}}
- name: FANSCRIBE_MODEL
  value: {{ include "fanscribe.model" . | quote }}
{{- with .Values.inference.weights.sha256 }}
- name: FANSCRIBE_MODEL_SHA256
  value: {{ . | quote }}
{{- end }}
{{- if eq .Values.inference.weights.source "huggingFace" }}
- name: HF_HOME
  value: /weights/huggingface
{{- end }}
- name: FANSCRIBE_CACHE_DIR
  value: /tmp/fanscribe
{{- end -}}

{{- define "fanscribe.weightsVolume" -}}
{{- $weights := .Values.inference.weights -}}
{{- if eq $weights.source "pvc" }}
- name: weights
  persistentVolumeClaim:
    claimName: {{ $weights.pvc.claimName }}
    readOnly: true
{{- else if include "fanscribe.weightsFetched" . }}
- name: weights
  {{- if $weights.cache.existingClaim }}
  persistentVolumeClaim:
    claimName: {{ $weights.cache.existingClaim }}
  {{- else }}
  emptyDir:
    sizeLimit: {{ $weights.cache.sizeLimit }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* For the model itself: never to be written. */}}
{{- define "fanscribe.weightsMount" -}}
{{- $weights := .Values.inference.weights -}}
{{- if ne $weights.source "package" }}
- name: weights
  mountPath: /weights
  readOnly: true
  {{- if and (eq $weights.source "pvc") $weights.pvc.subPath }}
  subPath: {{ $weights.pvc.subPath }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "fanscribe.weightsInit" -}}
{{- $weights := .Values.inference.weights -}}
{{- if include "fanscribe.weightsFetched" . }}
- name: weights
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  securityContext:
    {{- toYaml .Values.containerSecurityContext | nindent 4 }}
  {{- if eq $weights.source "huggingFace" }}
  image: {{ include "fanscribe.image" (dict "root" . "component" "inference") }}
  command: [python3, -c]
  args:
    - |
      {{- .Files.Get "files/fetch_from_hub.py" | nindent 6 }}
  {{- with $weights.huggingFace.secretName }}
  envFrom:
    - secretRef:
        name: {{ . }}
  {{- end }}
  env:
    {{- include "fanscribe.modelEnv" . | nindent 4 }}
  {{- else }}
  command: [sh, -c]
  args:
    - |
      {{- .Files.Get "files/fetch_weights.sh" | nindent 6 }}
  env:
    - name: TARGET
      value: {{ include "fanscribe.model" . }}
    - name: SHA256
      value: {{ $weights.sha256 | quote }}
  {{- if eq $weights.source "image" }}
    - name: SOURCE
      value: {{ $weights.image.path | quote }}
  image: {{ $weights.image.reference }}
  {{- else }}
    - name: REMOTE
      value: {{ printf ":%s:%s" $weights.objectStorage.provider $weights.objectStorage.path | quote }}
    {{- /* Whatever the pod's identity offers; `env` and the secret can say otherwise. */}}
    {{- $defaults := dict "RCLONE_CONFIG" "" "RCLONE_S3_PROVIDER" "AWS" "RCLONE_S3_ENV_AUTH" true "RCLONE_GCS_ENV_AUTH" true "RCLONE_AZUREBLOB_ENV_AUTH" true }}
    {{- include "fanscribe.settings" (dict "settings" (mergeOverwrite $defaults $weights.objectStorage.env) "prefix" "") | trim | nindent 4 }}
  {{- with $weights.objectStorage.secretName }}
  envFrom:
    - secretRef:
        name: {{ . }}
  {{- end }}
  image: {{ $weights.objectStorage.image }}
  {{- end }}
  {{- end }}
  resources:
    requests:
      cpu: 100m
      memory: 256Mi
    limits:
      memory: 2Gi
  volumeMounts:
    - name: weights
      mountPath: /weights
    - name: tmp
      mountPath: /tmp
{{- end }}
{{- end -}}
