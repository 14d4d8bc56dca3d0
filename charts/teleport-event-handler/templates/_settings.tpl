{{/* The settings file. JSON and TOML agree on how texts, numbers and lists of them are written. */}}
{{- define "handler.settings" -}}
{{- $top := include "handler.settings.top" . -}}
{{- $tables := include "handler.settings.tables" . -}}
{{- /* What stands there by the names of the flags, and the tables, which no setting may be named after. */ -}}
{{- $written := list -}}
{{- $prefix := "" -}}
{{- range $line := splitList "\n" (printf "%s\n%s" $top $tables) -}}
{{- if hasPrefix "[" $line -}}
{{- $table := trimAll "[]" $line -}}
{{- $written = append $written (splitList "." $table | first) -}}
{{- $prefix = printf "%s-" (trimPrefix "forward." $table) -}}
{{- else if contains " = " $line -}}
{{- $written = append $written (printf "%s%s" $prefix (splitList " = " $line | first | replace "." "-")) -}}
{{- end -}}
{{- end -}}
{{- $top }}
{{- range $name, $value := .Values.eventHandler.settings }}
{{- if has $name $written -}}
{{- fail (printf "eventHandler.settings.%s: the chart writes `%s` itself, from another value. Set that one, and remove this" $name $name) -}}
{{- end }}
{{ $name }} = {{ $value | toJson }}
{{- end }}
{{ $tables }}
{{ end -}}

{{- define "handler.settings.top" -}}
{{- $handler := .Values.eventHandler -}}
{{- if eq (include "handler.storage" .) "shared" }}
storage = {{ .Values.sharedStorage.url | toJson }}
storage-token-file = {{ printf "/var/run/secrets/teleport-event-handler/storage/%s" .Values.sharedStorage.tokenSecretKey | toJson }}
{{- if .Values.sharedStorage.caSecretName }}
storage-ca = {{ printf "/var/run/secrets/teleport-event-handler/storage-ca/%s" .Values.sharedStorage.caSecretKey | toJson }}
{{- end }}
{{- if .Values.sharedStorage.allowHttp }}
storage-allow-http = true
{{- end }}
{{- else }}
storage = {{ $handler.storagePath | toJson }}
{{- end }}
timeout = {{ $handler.timeout | toJson }}
{{- with int $handler.batch }}
batch = {{ . }}
{{- end }}
{{- with $handler.windowSize }}
window-size = {{ . | toJson }}
{{- end }}
{{- with int $handler.concurrency }}
concurrency = {{ . }}
{{- end }}
{{- if $handler.dryRun }}
dry-run = true
{{- end }}
{{- with $handler.types }}
types = {{ . | toJson }}
{{- end }}
{{- with $handler.skipEventTypes }}
skip-event-types = {{ . | toJson }}
{{- end }}
{{- with $handler.skipSessionTypes }}
skip-session-types = {{ . | toJson }}
{{- end }}
{{- with $handler.startTime }}
start-time = {{ . | toJson }}
{{- end }}
{{- if .Values.diagnostics.enabled }}
diagnostics-addr = {{ printf "%s:%d" .Values.diagnostics.host (int .Values.diagnostics.port) | toJson }}
{{- end }}
{{- end -}}

{{- define "handler.settings.tables" -}}
{{- $keys := include "handler.fluentd.keys" . | fromYaml -}}
{{- $handler := .Values.eventHandler }}
[teleport]
addr = {{ include "handler.address" . | toJson }}
identity = {{ printf "/var/run/secrets/teleport-event-handler/teleport/%s" (include "handler.identitySecretPath" .) | toJson }}
refresh.enabled = true
{{- if or $handler.debug .Values.teleport.debug }}
debug = true
{{- end }}

[forward.fluentd]
url = {{ required "fluentd.url is needed, such as https://fluentd.logging.svc:8888/events.log" .Values.fluentd.url | toJson }}
session-url = {{ required "fluentd.sessionUrl is needed, such as https://fluentd.logging.svc:8888/session" .Values.fluentd.sessionUrl | toJson }}
{{- range $name, $key := $keys }}
{{ $name }} = {{ printf "/var/run/secrets/teleport-event-handler/fluentd/%s" $key | toJson }}
{{- end }}
{{- with int .Values.fluentd.maxConnections }}
max-connections = {{ . }}
{{- end }}
{{- with $handler.lock }}
{{- if .enabled }}

[lock]
enabled = true
failed-attempts-count = {{ int .failedAttemptsCount }}
period = {{ .period | toJson }}
{{- with .for }}
for = {{ . | toJson }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}
