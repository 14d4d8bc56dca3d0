{{- define "handler.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "handler.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains (include "handler.name" .) .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "handler.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* A name with an ending, whole in 63 characters. */}}
{{- define "handler.nameWith" -}}
{{- $ending := index . 1 -}}
{{- printf "%s-%s" (include "handler.fullname" (index . 0) | trunc (int (sub 62 (len $ending))) | trimSuffix "-") $ending -}}
{{- end -}}

{{- define "handler.selectorLabels" -}}
app.kubernetes.io/name: {{ include "handler.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "handler.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "handler.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "handler.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "handler.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{- define "handler.address" -}}
{{- required "teleport.address is needed: host and port of Teleport, such as teleport.example.com:443" (coalesce .Values.teleport.address .Values.tbot.teleportProxyAddress .Values.tbot.teleportAuthAddress) -}}
{{- end -}}

{{- define "handler.identitySecretName" -}}
{{- if .Values.teleport.identitySecretName -}}
{{- .Values.teleport.identitySecretName -}}
{{- else if .Values.tbot.enabled -}}
{{- include "handler.tbot.output" . -}}
{{- else -}}
{{- fail "teleport.identitySecretName is needed: the secret that holds the identity file; or set tbot.enabled" -}}
{{- end -}}
{{- end -}}

{{- define "handler.identitySecretPath" -}}
{{- if .Values.tbot.enabled -}}identity{{- else -}}{{- .Values.teleport.identitySecretPath -}}{{- end -}}
{{- end -}}

{{/* The secret for Fluentd, and the keys in it. */}}
{{- define "handler.fluentd.secretName" -}}
{{- if .Values.certManager.enabled -}}
{{- include "handler.nameWith" (list . "client-tls") -}}
{{- else -}}
{{- required "fluentd.certificate.secretName is needed: the secret that holds ca.crt, client.crt and client.key; or set certManager.enabled" .Values.fluentd.certificate.secretName -}}
{{- end -}}
{{- end -}}

{{- define "handler.fluentd.keys" -}}
{{- if .Values.certManager.enabled -}}
ca: ca.crt
cert: tls.crt
key: tls.key
{{- else -}}
{{- with .Values.fluentd.certificate -}}
ca: {{ .caPath | quote }}
cert: {{ .certPath | quote }}
key: {{ .keyPath | quote }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "handler.certManager.issuer" -}}
group: cert-manager.io
{{- if .Values.certManager.issuer.create }}
kind: Issuer
name: {{ include "handler.nameWith" (list . "ca-issuer") }}
{{- else }}
kind: {{ .Values.certManager.issuer.kind }}
name: {{ required "certManager.issuer.name is needed when certManager.issuer.create is false" .Values.certManager.issuer.name }}
{{- end }}
{{- end -}}

{{- define "handler.claimName" -}}
{{- .Values.persistentVolumeClaim.existingClaim | default (include "handler.fullname" .) -}}
{{- end -}}

{{/* Where the position is kept: on a server that is `shared`, in a `claim`, in one of the `own` volumes of the values, or in `nothing` that lasts. */}}
{{- define "handler.storage" -}}
{{- $own := dict -}}
{{- range .Values.volumeMounts -}}
{{- if eq (trimSuffix "/" .mountPath) (trimSuffix "/" $.Values.eventHandler.storagePath) -}}
{{- $_ := set $own "name" .name -}}
{{- end -}}
{{- end -}}
{{- if .Values.sharedStorage.url -}}
{{- if and (hasPrefix "http:" .Values.sharedStorage.url) (not .Values.sharedStorage.allowHttp) -}}
{{- fail (printf "sharedStorage.url: %s is http, so that token and state would go over the network in clear. Write https, or set sharedStorage.allowHttp where nobody else can listen" .Values.sharedStorage.url) -}}
{{- end -}}
shared
{{- else if gt (int .Values.replicas) 1 -}}
{{- fail "replicas: more than one handler cannot share a volume. Set sharedStorage.url to a KV Connect server, or replicas to 1" -}}
{{- else if $own -}}own
{{- else if or .Values.persistentVolumeClaim.enabled .Values.persistentVolumeClaim.existingClaim -}}claim
{{- else -}}nothing
{{- end -}}
{{- end -}}

{{/* Annotations and labels of the secrets that cert-manager writes. */}}
{{- define "handler.certManager.secretTemplate" -}}
{{- if or .Values.annotations.certSecret .Values.extraLabels.certSecret -}}
secretTemplate:
  {{- with .Values.annotations.certSecret }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.extraLabels.certSecret }}
  labels:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
{{- end -}}

{{- define "handler.tbot.name" -}}
{{- include "handler.nameWith" (list . "tbot") -}}
{{- end -}}

{{- define "handler.tbot.output" -}}
{{- include "handler.nameWith" (list . "tbot-out") -}}
{{- end -}}

{{- define "handler.tbot.serviceAccountName" -}}
{{- .Values.tbot.serviceAccount.name | default (include "handler.tbot.name" .) -}}
{{- end -}}

{{- define "handler.tbot.token" -}}
{{- .Values.tbot.token | default (include "handler.tbot.name" .) -}}
{{- end -}}
