/** Wrong command lines of commands that load labs or the course. */
import { fifos, NONE, PIPE, testWrongInputs } from './wrong-input.ts'

const { FIFO, FIFO_JS } = fifos()

testWrongInputs([
  [
    ['learn', '01-drop', '--from', 'nodir'],
    1,
    'nodir is neither a directory nor an installed package',
  ],
  [['lab', 'nofile'], 1, `nofile: ${NONE}`],
  [['lab', 'nofile', '--json', '--time', 'real'], 1, `nofile: ${NONE}`],
  [['lab', 'nofile', '--json', '--time', 'virtual'], 2, '--json: only with --time real'],
  [['lab', 'check', '.'], 1, '.: is a directory'],
  [
    ['check', 'nofile'],
    1,
    "check: 'nofile' is neither an exercise nor a file; vnet learn lists them",
  ],
  [
    ['check', 'nofile', 'nodir'],
    1,
    "check: 'nofile' is neither an exercise nor a file; vnet learn lists them",
  ],
  [['check', 'ring'], 1, /^check: no ring\.js in \S*03-ring; vnet learn 03-ring writes one$/],
  [
    ['check', '--kernel', 'ring', 'no.c'],
    1,
    'check: no no.c; vnet learn --kernel 03-ring writes a skeleton',
  ],
  [['check', '--mistakes', 'nodir'], 1, 'nodir is neither a directory nor an installed package'],
  [['explore', 'nofile', '--', 'true'], 1, `nofile: ${NONE}`],
  [['explore', 'nofile.js'], 1, `nofile.js: ${NONE}`],
  [['lab', FIFO], 2, PIPE],
  [['lab', 'check', FIFO], 2, PIPE],
  [['explore', FIFO_JS], 2, PIPE],
  [['record', '127.0.0.1', '--out', FIFO], 2, PIPE],
])
