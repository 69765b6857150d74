/**
 * What people ask, and the pages that have the reply: addresses on the site, without `.html`. The
 * tests of the site search for each question, and scripts/questions.mjs prints the ranks. No page
 * has a heading for one of them, and the order of the search (search.mjs) knows none: a page is
 * found because it is about the question.
 */
export const QUESTIONS = [
  // Questions of testers, students and Node developers about these pages.
  { question: 'lose third packet upload vitest', pages: ['lab/recipes'] },
  { question: 'delay on running container for one port', pages: ['containers', 'attach'] },
  { question: 'is it safe in production', pages: ['faq', 'attach'] },
  { question: 'replace toxiproxy', pages: ['lab/toxiproxy'] },
  { question: 'simulate a NAT', pages: ['lab/testing-nat', 'lab/recipes'] },
  { question: 'netif_stop_queue', pages: ['kernel-map', 'learn/03-ring', 'ldd'] },
  { question: 'write my first driver', pages: ['write-a-driver', 'learn/course', 'learn/01-drop'] },
  { question: 'grade students', pages: ['learn/teaching', 'learn/grading'] },
  { question: 'why was my frame dropped', pages: ['statistics', 'debugging'] },
  { question: 'breakpoint in a driver', pages: ['debugging-steps'] },
  { question: 'send frames from my program', pages: ['tap', 'tap-reference'] },
  { question: 'which Node versions', pages: ['install', 'readme'] },
  { question: 'capture to Wireshark', pages: ['capture'] },
  { question: 'what happens at kill -9', pages: ['faq', 'attach'] },
  { question: 'which seed was used', pages: ['seeds', 'lab/testing'] },
  { question: 'run tests on a Mac', pages: ['install', 'faq', 'lab/memory'] },

  // Issues of toxiproxy ask for these, and of its clients.
  {
    question: 'set packet loss to 10 percent',
    pages: ['wires', 'lab/run', 'lab/recipes', 'lab/toxiproxy'],
  },
  { question: 'proxy for UDP traffic', pages: ['lab/toxiproxy'] },
  {
    question: 'simulate a half open connection',
    pages: ['lab/nemesis', 'lab/recipes'],
  },
  {
    question: 'connection reset by peer during a response',
    pages: ['lab/recipes', 'lab/toxiproxy'],
  },
  {
    question: 'different latency upstream and downstream',
    pages: ['wires', 'lab/recipes', 'lab/toxiproxy'],
  },
  // Issues of programs that call tc-netem (pumba, comcast, chaosblade), and of WSL.
  { question: 'slow down incoming traffic too', pages: ['attach', 'wires', 'comparison'] },
  { question: 'specified qdisc not found on WSL', pages: ['install', 'faq', 'comparison'] },
  { question: 'reorder packets', pages: ['wires', 'lab/recipes'] },
  // Issues of mininet, and of programs around it.
  {
    question: 'hosts cannot reach the internet',
    pages: ['lab/testing-links', 'lab/lab'],
  },
  {
    question: 'open a shell on a host from another terminal',
    pages: ['lab/lab'],
  },
  { question: 'limit the bandwidth of a link', pages: ['wires-links', 'wires', 'lab/recipes'] },
  // Issues of libraries for TAP and TUN in Python, Go and Rust, and of containers with a TUN.
  { question: 'create a tun device without root', pages: ['tap', 'tap-reference', 'rootless'] },
  { question: '/dev/net/tun missing in docker', pages: ['rootless', 'ci', 'containers'] },
  { question: 'tun throughput is low', pages: ['tap-reference', 'tap'] },
]
