# warm.pl MODULE...: loads the modules once, and runs scripts that need them in forks.
#
# It prints `ready`. Each line of its input is a script to run, in JSON:
# {"argv": ["script.pl", "argument"], "cwd": "/directory", "within": 10}. The reply is a line with
# {"status", "out", "err", "hung"}: a status that is negative is a signal, and the output is in
# base64. After that many seconds a script is killed, with the processes that it has started.
use strict;
use warnings;
use File::Spec;
use JSON::PP;
use MIME::Base64;
use POSIX ();
use Time::HiRes qw(alarm);

# Makes a child the process of a script, with a session, a home and files of its own.
sub become {
    my ($script, $arguments, $cwd, $out, $err) = @_;
    POSIX::setsid();
    chdir $cwd or die "$cwd: $!\n";
    $ENV{HOME} = $cwd;
    open STDIN, '<', '/dev/null' or die "/dev/null: $!\n";
    open STDOUT, '>&', $out or die "the output: $!\n";
    open STDERR, '>&', $err or die "the errors: $!\n";
    ($0, @ARGV) = ($script, @$arguments);
    -r $script or die "$script: $!\n";
    do $script;
    die $@ if $@;
    exit;
}

sub run {
    my ($argv, $cwd, $within) = @_;
    my ($script, @arguments) = @$argv;
    $script = File::Spec->rel2abs($script);
    my ($out, $err) = map { open my $file, '+>:raw', undef or die "a file: $!\n"; $file } 1, 2;
    my $child = fork // die "fork: $!\n";
    become($script, \@arguments, $cwd, $out, $err) if $child == 0;
    my $hung = JSON::PP::false;
    local $SIG{ALRM} = sub { $hung = JSON::PP::true; kill KILL => -$child, $child };
    alarm $within;
    # The signal interrupts it.
    1 until waitpid($child, 0) == $child;
    my $status = $?;
    alarm 0;
    kill KILL => -$child;
    my %reply = (status => $status & 127 ? -($status & 127) : $status >> 8, hung => $hung);
    local $/;
    for (['out', $out], ['err', $err]) {
        my ($name, $file) = @$_;
        seek $file, 0, 0;
        $reply{$name} = encode_base64(<$file>, '');
    }
    return \%reply;
}

$| = 1;
for my $module (@ARGV) {
    require(($module =~ s{::}{/}gr) . '.pm');
}
print "ready\n";
while (my $line = <STDIN>) {
    my $request = decode_json($line);
    print encode_json(run(@$request{qw(argv cwd within)})), "\n";
}
