use rmrl_lerobot::*;
fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let runs = args[1..]
        .iter()
        .map(|root| RunSource {
            root: root.into(),
            task: "Place the plate".into(),
            robot: "xarm6".into(),
            method: "m".into(),
            candidates: String::new(),
            reward: String::new(),
            files: ["config.toml", "target.json", "camera.toml", "run.json"]
                .map(String::from)
                .to_vec(),
            world: "simulator.jsonl".into(),
        })
        .collect();
    let mut export = Export::open(args[0].as_ref(), runs, Export::SEGMENT_BYTES).unwrap();
    while export.advance().unwrap() {}
    println!("{:?}", export.exported());
}
