use std::str::FromStr;
use std::time::Duration;

/// What the command line asks for; the same as benchmarks/support/options.hpp.
pub struct Options {
    pub problems: Vec<String>,
    pub rivals: Vec<String>,
    pub workers: Vec<usize>,
    pub in_flight: Vec<usize>,
    pub rounds: usize,
    pub rotate: usize,
    pub time: Option<Duration>,
    pub json: Option<String>,
    pub pin: bool,
    pub list: bool,
}

const HELP: &str = "\
Measures problem x rival, in rounds that go from rival to rival.

  --problem A,B      only these problems           --list shows what there is
  --rival A,B        only these rivals; \"tokio\" takes all that begin with \"tokio-\"
  --workers N,M      only with these numbers of workers
  --in-flight N,M    only with these numbers of jobs in flight
  --rounds N         repetitions (5)
  --time MS          length of one run in milliseconds (each problem has its own)
  --rotate N         which rival begins the first round (0)
  --pin              the loop's thread on a CPU of its own, where there are enough
  --json FILE        writes all values there";

fn fail(message: String) -> ! {
    eprintln!("{}", message);
    std::process::exit(1);
}

fn list<T: FromStr>(name: &str, text: &str) -> Vec<T> {
    text.split(',').map(|part| number(name, part)).collect()
}

fn number<T: FromStr>(name: &str, text: &str) -> T {
    text.parse().unwrap_or_else(|_| fail(format!("{} can't be '{}'", name, text)))
}

pub fn parse() -> Options {
    let mut wanted = Options {
        problems: vec![],
        rivals: vec![],
        workers: vec![],
        in_flight: vec![],
        rounds: 5,
        rotate: 0,
        time: None,
        json: None,
        pin: false,
        list: false,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let mut value =
            || arguments.next().unwrap_or_else(|| fail(format!("{} needs a value", name)));
        match name.as_str() {
            "--help" | "-h" => {
                println!("{}", HELP);
                std::process::exit(0);
            }
            "--pin" => wanted.pin = true,
            "--list" => wanted.list = true,
            "--problem" => wanted.problems = list(&name, &value()),
            "--rival" => wanted.rivals = list(&name, &value()),
            "--workers" => wanted.workers = list(&name, &value()),
            "--in-flight" => wanted.in_flight = list(&name, &value()),
            "--rounds" => wanted.rounds = number(&name, &value()),
            "--rotate" => wanted.rotate = number(&name, &value()),
            "--time" => wanted.time = Some(Duration::from_millis(number(&name, &value()))),
            "--json" => wanted.json = Some(value()),
            _ => fail(format!("{} is no option; --help lists them", name)),
        }
    }
    wanted
}
