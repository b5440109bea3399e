{{- define "weir.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{/* The prefix of every name: short enough for "-controller" behind it in a DNS label. */}}
{{- define "weir.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains (include "weir.name" .) .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "weir.name" .) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What finds the pods of a component. Takes (list . "controller"). */}}
{{- define "weir.selector" -}}
{{- $root := first . -}}
app.kubernetes.io/name: {{ include "weir.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ last . }}
{{- end -}}

{{/* Labels of an object. Takes (list . "controller"). */}}
{{- define "weir.labels" -}}
{{- $root := first . -}}
{{ include "weir.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: weir
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
{{- end -}}

{{/* The image; tag and digest of the second argument win. Takes (list . .Values.proxy.image). */}}
{{- define "weir.image" -}}
{{- $root := first . -}}
{{- with $root.Values.image -}}
{{- $own := or (last $).tag (last $).digest -}}
{{- $digest := ternary (last $).digest .digest (not (not $own)) -}}
{{- if $digest -}}
{{- printf "%s@%s" .repository $digest -}}
{{- else -}}
{{- printf "%s:%s" .repository ((last $).tag | default .tag | default $root.Chart.AppVersion) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Where a pod may run. Takes (list . "controller" .Values.controller). */}}
{{- define "weir.placement" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
{{- with index . 2 -}}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{- toYaml . | nindent 0 }}
{{- end }}
{{- with .affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- if .topologySpreadConstraints }}
topologySpreadConstraints: {{- toYaml .topologySpreadConstraints | nindent 0 }}
{{- else if ne (.kind | default "Deployment") "DaemonSet" }}
topologySpreadConstraints:
{{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
- maxSkew: 1
  topologyKey: {{ . }}
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels: {{- include "weir.selector" (list $root $component) | nindent 6 }}
  matchLabelKeys: [pod-template-hash]
{{- end }}
{{- end }}
{{- end -}}
{{- end -}}

{{/* Classes that the admission policy is about, with their dialect, as JSON. */}}
{{- define "weir.classes" -}}
{{- $own := dict .Values.ingressClass.name .Values.ingressClass.dialect -}}
{{- merge (dict) .Values.adoptClasses .Values.admission.policy.classes $own | toJson -}}
{{- end -}}
