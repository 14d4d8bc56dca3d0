/** Name of the file that `tctl create` takes. */
export const ROLE_FILE = "teleport-event-handler-role.yaml";

/**
 * Renders the role and the user of the handler. The role comes first, as newer official handlers have
 * it: `tctl create` takes the documents in their order, and the user refers to the role.
 */
export function renderRole({ autoLock }: { readonly autoLock: boolean }): string {
  const lock = autoLock
    ? `
      # For lock.enabled: lock a user after too many failed logins.
      - resources: ['lock']
        verbs: ['create', 'update']`
    : "";
  return `kind: role
metadata:
  name: teleport-event-handler
spec:
  allow:
    rules:
      - resources: ['event', 'session']
        verbs: ['list', 'read']${lock}
version: v5
---
kind: user
metadata:
  name: teleport-event-handler
spec:
  roles: ['teleport-event-handler']
version: v2
`;
}
