/** A certificate for the explored protocols. */
import { execFileSync } from 'node:child_process'

/** Signatures of Ed25519 all have one length, so that segments have the same bytes in each run. */
const KEY = ['-newkey', 'ed25519', '-nodes', '-keyout', 'key.pem']
const NAMES = ['-subj', '/CN=server', '-addext', 'subjectAltName=DNS:server']

/** Writes `cert.pem` and `key.pem` of the name `server`. */
export function writeCertificate(directory: string): void {
  const args = ['req', '-x509', '-days', '2', ...KEY, '-out', 'cert.pem', ...NAMES]
  execFileSync('openssl', args, { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] })
}
