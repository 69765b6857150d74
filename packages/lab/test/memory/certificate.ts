/** A self-signed certificate of `server` with its key. */
import { execFileSync } from 'node:child_process'

const openssl =
  'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=server -days 9999'

export const pem = execFileSync(
  'openssl',
  [...openssl.split(' '), '-addext', 'subjectAltName=DNS:server', '-keyout', '-'],
  { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
)
