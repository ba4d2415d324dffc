use citytwin::city::scenario::sumocfg;
use citytwin::primitives::random::Seed;
use citytwin::simulation::City;
use std::io::Write;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let file = &args[2];
    let seed: u64 = args[4].parse().unwrap();
    let out = &args[6];
    let threads: usize = std::env::var("THREADS").ok().and_then(|t| t.parse().ok()).unwrap_or(1);
    let t0 = std::time::Instant::now();
    let loaded = match sumocfg::load(std::path::Path::new(file), Some(Seed(seed)), None, None) {
        Ok(l) => l,
        Err(f) => {
            for p in f.problems() {
                eprintln!("{p}");
            }
            std::process::exit(2)
        }
    };
    let t1 = t0.elapsed();
    let mut settings = loaded.settings;
    settings.threads = threads;
    let demand = std::sync::Arc::new(loaded.demand);
    let network = std::sync::Arc::new(loaded.network);
    let t0 = std::time::Instant::now();
    let mut city = City::assemble(&network, &demand, settings);
    while !city.is_over() {
        city.step();
        if let Ok(w) = std::env::var("WATCH") {
            for v in city.vehicles() {
                let name = &demand.vehicles[v.vehicle.index()].name;
                if w == "all" || w.split(',').any(|x| x == name) {
                    println!("W {:.0} {} {} {:.2} {:.2}", (city.time()-settings.step).as_seconds(), name, network.lane_name(v.lane), v.position, v.speed);
                }
            }
        }
        if let Ok(t) = std::env::var("UNTIL") {
            if city.time().as_seconds() >= t.parse::<f64>().unwrap() { break; }
        }
        if let Ok(every) = std::env::var("TRACE") {
            let every: i64 = every.parse().unwrap();
            if city.time().as_milliseconds() % (every * 1000) == 0 {
                println!("{:?}", city.instant());
            }
        }
    }
    let t2 = t0.elapsed();
    let o = city.finish(false);
    println!(
        "load {:.2}s sim {:.2}s updates {} = {:.2} M/s steps {} arrived {}/{} running {} waiting {} lr {} emerg {} laws {:?} hash {}",
        t1.as_secs_f64(), t2.as_secs_f64(), o.updates, o.updates as f64 / t2.as_secs_f64() / 1e6, o.steps, o.arrived, o.loaded, o.running,
        o.waiting_to_enter, o.last_resort_moves, o.emergency_brakings, o.laws, &o.state_hash[..12]
    );
    let mut f = std::io::BufWriter::new(std::fs::File::create(out).unwrap());
    writeln!(f, "<tripinfos>").unwrap();
    for t in o.trips.iter().filter(|t| t.arrival.is_some()) {
        writeln!(f, "<tripinfo id=\"{}\" depart=\"{}\" departDelay=\"{}\" duration=\"{}\" waitingTime=\"{}\" timeLoss=\"{}\" routeLength=\"{}\"/>",
            demand.vehicles[t.vehicle.index()].name.replace('&', "").replace('<', ""), t.depart.as_seconds(), t.depart_delay.as_seconds(), t.duration.as_seconds(), t.waiting_time.as_seconds(), t.time_loss.as_seconds(), t.route_length.as_metres()).unwrap();
    }
    writeln!(f, "</tripinfos>").unwrap();
}
