/** A server and clients in Python that are explored, and a warm program for them. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { attempt } from '#src/base/errno.ts'

/** Replies 2,000 bytes after their length. With `fragile`, it ends with its first broken client. */
const SERVER = `
import socket, sys
server = socket.create_server(('0.0.0.0', 8080))
print('ready', flush=True)
while True:
    connection, _ = server.accept()
    try:
        connection.recv(100)
        connection.sendall(b'2000' + b'x' * 1000 + b'y' * 1000)
        connection.recv(100)
    except OSError:
        if 'fragile' in sys.argv: raise
    connection.close()
`
/**
 * Writes the reply to a file. `right` checks its length and waits for 300 ms at most. `lying`
 * takes an end for the end of the reply, `hanging` waits for ever, and `killed` ends itself at
 * an error.
 */
const CLIENT = `
import os, signal, socket, sys
mode = sys.argv[1]
def ask():
    connection = socket.create_connection(('server', 8080), None if mode == 'hanging' else 0.3)
    connection.sendall(b'question')
    seen = b''
    while len(seen) < 2004:
        part = connection.recv(4096)
        if part == b'':
            if mode == 'lying': break
            raise EOFError('%d bytes are missing' % (2004 - len(seen)))
        seen += part
    with open('reply', 'wb') as file: file.write(seen)
try:
    ask()
except (OSError, EOFError) as error:
    print('client:', error, file=sys.stderr)
    if mode == 'killed': os.kill(os.getpid(), signal.SIGSEGV)
    sys.exit(3)
`
/** Same as examples/warm, for one script. */
const WARM = `
import base64, json, os, signal, subprocess, sys
print('ready', flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    child = subprocess.Popen([sys.executable] + asked['argv'], cwd=asked['cwd'],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    hung = False
    try:
        out, err = child.communicate(timeout=asked['within'])
    except subprocess.TimeoutExpired:
        child.kill()
        out, err = child.communicate()
        hung = True
    text = lambda some: base64.b64encode(some).decode()
    print(json.dumps({'status': child.returncode, 'out': text(out), 'err': text(err), 'hung': hung}), flush=True)
`

/** Writes the programs into a directory. Returns lines for sh(1) that start them. */
export function huntedPrograms(directory: string) {
  const write = (name: string, text: string) => {
    const path = join(directory, name)
    writeFileSync(path, text)
    return path
  }
  const [server, client, warm] = [
    write('server.py', SERVER),
    write('client.py', CLIENT),
    write('warm.py', WARM),
  ]
  return {
    directory,
    server: `exec python3 ${server}`,
    fragile: `exec python3 ${server} fragile`,
    client: (mode: string) => `exec python3 ${client} ${mode}`,
    /** The words of a client of the warm program. */
    script: (mode: string) => `${client} ${mode}`,
    warm: `python3 ${warm}`,
  }
}

/** Returns the processes with the name of a file in a directory in their command lines. */
export function processesOf(directory: string): string[] {
  const pids = readdirSync('/proc').filter(name => /^\d+$/.test(name))
  return pids.filter(pid => {
    const words = attempt(() => readFileSync(`/proc/${pid}/cmdline`, 'latin1')) ?? ''
    return words.includes(`${directory}/`)
  })
}
