{{- define "verimage.labels" -}}
app.kubernetes.io/name: {{ .Release.Name }}
{{- end }}

{{- define "verimage.image" -}}
{{ .Values.image.repository }}{{ if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{/* What both webhooks have in common. The argument is a list: the chart's context, and the path. */}}
{{- define "verimage.webhook" -}}
{{- $context := index . 0 -}}
{{- $values := $context.Values -}}
admissionReviewVersions: [v1]
clientConfig:
  {{- if not $values.certManager.enabled }}
  caBundle: {{ required "tls.authority is needed: the certificate of the authority, or certManager.enabled" $values.tls.authority | b64enc }}
  {{- end }}
  service: { name: {{ $context.Release.Name }}, namespace: {{ $context.Release.Namespace }}, path: {{ index . 1 }}, port: 443 }
failurePolicy: {{ $values.webhook.failurePolicy }}
timeoutSeconds: {{ $values.webhook.timeoutSeconds }}
sideEffects: None
matchPolicy: Equivalent
namespaceSelector:
  matchExpressions:
  - key: kubernetes.io/metadata.name
    operator: NotIn
    values: {{ prepend $values.excludedNamespaces $context.Release.Namespace | uniq | toJson }}
{{- end }}

{{- define "verimage.webhookMetadata" -}}
name: {{ .Release.Name }}
labels: { {{ include "verimage.labels" . }} }
{{- if .Values.certManager.enabled }}
annotations: { cert-manager.io/inject-ca-from: {{ .Release.Namespace }}/{{ .Release.Name }} }
{{- end }}
{{- end }}
