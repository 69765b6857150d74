# warm.rb LIBRARY...: loads the libraries once, and runs scripts that need them in forks.
#
# It prints `ready`. Each line of its input is a script to run, in JSON:
# {"argv": ["script.rb", "argument"], "cwd": "/directory", "within": 10}. The reply is a line with
# {"status", "out", "err", "hung"}: a status that is negative is a signal, and the output is in
# base64. After that many seconds a script is killed, with the processes that it has started.
require "json"
require "tempfile"

# Makes a child the process of a script, with a session, a home and files of its own.
def become(script, arguments, cwd, out, err)
  Process.setsid
  Dir.chdir(cwd)
  ENV["HOME"] = cwd
  $stdin.reopen(File::NULL)
  $stdout.reopen(out)
  $stderr.reopen(err)
  $0 = script
  ARGV.replace(arguments)
  load script
end

def run(argv, cwd, within)
  script = File.expand_path(argv.first)
  files = Array.new(2) { Tempfile.create.tap { |file| File.unlink(file.path) } }
  child = fork { become(script, argv.drop(1), cwd, *files) }
  ended = Process.detach(child)
  hung = ended.join(within).nil?
  # The group, and a child that is not yet the leader of one.
  [-child, child].each do |pid|
    Process.kill("KILL", pid)
  rescue Errno::ESRCH
    next
  end
  status = ended.value
  out, err = files.map { |file| file.rewind; [file.binmode.read].pack("m0") }
  { status: status.termsig ? -status.termsig : status.exitstatus, out: out, err: err, hung: hung }
ensure
  files&.each(&:close)
end

ARGV.each { |library| require library }
puts "ready"
$stdout.flush
while (line = $stdin.gets)
  request = JSON.parse(line)
  puts JSON.generate(run(*request.values_at("argv", "cwd", "within")))
  $stdout.flush
end
