//! Who is to be master, and who is when something fails.

use crate::{Case, check, findings, member, rendered};

#[test]
fn priorities_tell_who_is_to_be_master() {
    check(&[
        Case {
            members: &[" priority 100", " priority 100"],
            found: &["W0654 b.conf:2:11 a.conf:2:11"],
            sound: " priority 99",
        },
        Case {
            members: &[" priority 100", " nopreempt"],
            found: &["W0654 b.conf:1:15 a.conf:2:11"],
            sound: " nopreempt\n priority 99",
        },
        // What trackers add counts.
        Case {
            members: &[" priority 110", " priority 100\n track_process {\n web\n }"],
            found: &["W0654 b.conf:2:11 a.conf:2:11"],
            sound: " priority 101\n track_process {\n web\n }",
        },
        // A sum beyond 254 is 254.
        Case {
            members: &[
                " priority 250\n track_process {\n web\n }",
                " priority 245\n track_process {\n web\n }",
            ],
            found: &["W0654 b.conf:2:11 a.conf:2:11"],
            sound: " priority 243\n track_process {\n web\n }",
        },
        Case {
            members: &[" priority 255", " priority 255"],
            found: &["E0606 b.conf:2:11 a.conf:2:11"],
            sound: " priority 254",
        },
        Case {
            members: &[" state MASTER", " state MASTER\n priority 255"],
            found: &["E0606 b.conf:3:11 a.conf:2:8"],
            sound: " state BACKUP",
        },
        Case {
            members: &[
                " priority 255\n owner_ignore_adverts",
                " priority 255\n owner_ignore_adverts",
            ],
            found: &["E0606 b.conf:2:11 a.conf:2:11 b.conf:3:2 a.conf:3:2"],
            sound: " priority 254\n owner_ignore_adverts",
        },
        Case {
            members: &[" state MASTER\n priority 100", " state MASTER\n priority 90"],
            found: &["W0660 b.conf:2:8 a.conf:2:8"],
            sound: " state BACKUP\n priority 90",
        },
    ]);
}

#[test]
fn weights_must_bring_a_member_below_another() {
    const A: &str = " priority 200\n track_interface {\n eth1 weight -10\n }";
    check(&[
        // An equal router takes nothing over.
        Case {
            members: &[A, " priority 190"],
            found: &["W0655 a.conf:4:14 b.conf:2:11 a.conf:2:11"],
            sound: " priority 191",
        },
        // A bonus is only not added any more.
        Case {
            members: &[" priority 200\n track_interface {\n eth1 weight 20\n }", " priority 190"],
            found: &["W0655 a.conf:4:14 b.conf:2:11 a.conf:2:11"],
            sound: " priority 201",
        },
        // The weight of the definition counts, and a reversed one the other way round.
        Case {
            members: &[" priority 200\n track_process {\n web\n }", " priority 190"],
            found: &["W0655 a.conf:29:9 b.conf:2:11 a.conf:2:11"],
            sound: " priority 205",
        },
        Case {
            members: &[
                " priority 200\n track_script {\n chk weight 20 reverse\n }",
                " priority 180",
            ],
            found: &["W0655 a.conf:4:13 b.conf:2:11 a.conf:2:11"],
            sound: " priority 181",
        },
        // Neither alone nor together.
        Case {
            members: &[
                " priority 200\n track_script {\n chk weight -5\n chk2 weight -10\n }",
                " priority 185",
            ],
            found: &["W0655 a.conf:5:14 b.conf:2:11 a.conf:2:11"],
            // Together.
            sound: " priority 186",
        },
        // The small one changes nothing, whatever the large one does.
        Case {
            members: &[
                " priority 100\n track_script {\n chk weight -40\n chk2 weight -5\n }",
                " priority 90",
            ],
            found: &["W0655 a.conf:5:14 b.conf:2:11 a.conf:2:11"],
            // It does if the large one fails on both.
            sound: " priority 90\n track_script {\n chk weight -32\n }",
        },
        // The next one counts, not the last one.
        Case {
            members: &[A, " priority 150", " priority 100"],
            found: &["W0655 a.conf:4:14 b.conf:2:11 a.conf:2:11"],
            sound: " priority 195",
        },
        // The second one keeps it from the third one.
        Case {
            members: &[
                " priority 200",
                " priority 150\n track_script {\n chk weight -20\n }",
                " priority 100",
            ],
            found: &["W0655 b.conf:4:13 c.conf:2:11 b.conf:2:11"],
            sound: " priority 131",
        },
    ]);
}

#[test]
fn weights_beside_the_number_of_a_file_are_judged() {
    check(&[
        // The number moves the other one in steps of 20, none of which is 99 or 100.
        Case {
            members: &[
                " priority 100\n track_script {\n chk weight -2\n }",
                " priority 90\n track_file {\n number weight 20\n }",
            ],
            found: &["W0655 a.conf:4:13 b.conf:2:11 a.conf:2:11"],
            sound: " priority 80\n track_file {\n number weight 20\n }",
        },
        // Its own number brings it anywhere, but not below an only member at 1.
        Case {
            members: &[
                " priority 100\n track_script {\n chk weight -2\n }\n track_file {\n number\n }",
                " priority 1",
            ],
            found: &["W0655 a.conf:4:13 b.conf:2:11 a.conf:2:11"],
            sound: " priority 2",
        },
    ]);
}

/// More interfaces than anybody has.
fn links(count: usize) -> String {
    let links: String = (1..=count).map(|at| format!(" eth{at} weight -1\n")).collect();
    format!(" priority 200\n track_interface {{\n{links} }}")
}

#[test]
fn hundreds_of_weights_are_judged() {
    let pair = |count, other| findings(&[member(&links(count)), member(other)]);
    assert_eq!(pair(90, " priority 100"), ["W0655 a.conf:93:15 b.conf:2:11 a.conf:2:11"]);
    assert_eq!(pair(101, " priority 100"), [""; 0]);
    assert_eq!(pair(300, " priority 100"), [""; 0]);
    let text = rendered(&[member(&links(90)), member(" priority 100")]);
    assert!(text.contains("when `eth1`, `eth2`, `eth3` and 87 more fail,"), "{text}");
    let nopreempt = " priority 100\n nopreempt";
    assert_eq!(pair(300, nopreempt), ["W0658 b.conf:3:2 a.conf:303:16"]);
}

#[test]
fn a_weight_that_is_enough_is_named() {
    let text = |weight: &str, other: u8| {
        let a = format!(" priority 200\n track_script {{\n chk weight {weight}\n }}");
        rendered(&[member(&a), member(&format!(" priority {other}"))])
    };
    let sound = |weight: &str, other| !text(weight, other).contains("W0655");
    for (weight, other, named) in
        [("-5", 190, "-11"), ("20", 150, "-51"), ("20 reverse", 150, "-51")]
    {
        let told = text(weight, other);
        assert!(told.contains(named.trim_start_matches('-')), "{told}");
        assert!(sound(named, other), "{}", text(named, other));
        let less = (named.parse::<i32>().unwrap() + 1).to_string();
        assert!(!sound(&less, other), "one less is too little: {less}");
    }
    assert!(text("-253", 1).contains("raise the priority of `VI_1` of b.conf"));
}

#[test]
fn a_failure_should_leave_no_two_members_equal() {
    check(&[
        Case {
            members: &[
                " priority 200\n track_script {\n chk weight -10\n chk2 weight -5\n }",
                " priority 190",
            ],
            found: &["W0659 a.conf:4:13 b.conf:2:11"],
            sound: " priority 189",
        },
        // On both members at once.
        Case {
            members: &[
                " priority 200\n track_script {\n chk weight -30\n }",
                " priority 190\n track_script {\n chk weight -20\n }",
            ],
            found: &["W0659 a.conf:4:13 b.conf:4:13"],
            sound: " priority 190\n track_script {\n chk weight -30\n }",
        },
    ]);
}

#[test]
fn a_failover_should_not_be_held_back() {
    const A: &str = " priority 200\n track_script {\n chk weight -50\n }";
    check(&[
        Case {
            members: &[A, " priority 190\n nopreempt"],
            found: &["W0658 b.conf:3:2 a.conf:4:13"],
            sound: " priority 190\n preempt",
        },
        // With equal priorities it would not take over anyway.
        Case {
            members: &[
                " priority 200\n track_script {\n chk weight -10\n }",
                " priority 190\n nopreempt",
            ],
            found: &["W0655 a.conf:4:13 b.conf:2:11 a.conf:2:11"],
            sound: " priority 195",
        },
        // Who returns waits for ever, while the other one fails.
        Case {
            members: &[
                " priority 200\n nopreempt",
                " priority 190\n track_script {\n chk weight -50\n }",
            ],
            found: &["W0658 a.conf:3:2 b.conf:4:13"],
            sound: " priority 190\n track_script {\n chk weight 0\n }",
        },
        Case {
            members: &[
                " priority 100\n track_file {\n number weight 1\n }",
                " priority 101\n nopreempt",
            ],
            found: &["W0658 b.conf:3:2 a.conf:4:16"],
            sound: " priority 101",
        },
        Case {
            members: &[A, " priority 190\n preempt_delay 60"],
            found: &["W0661 b.conf:3:16 a.conf:4:13"],
            sound: " priority 190\n preempt_delay 0",
        },
        // A third one takes over at once.
        Case {
            members: &[A, " priority 190\n nopreempt", " priority 180\n preempt_delay 60"],
            found: &["W0661 c.conf:3:16 a.conf:4:13"],
            sound: " priority 180",
        },
    ]);
}

#[test]
fn a_host_that_all_need_is_named() {
    const A: &str = " priority 200\n track_script {\n gateway\n }";
    check(&[
        Case {
            members: &[A, " priority 190\n track_script {\n gateway\n }"],
            found: &["W0656 a.conf:4:2 b.conf:4:2"],
            sound: " priority 190\n track_script {\n gateway weight -50\n }",
        },
        // It is the same host in another script.
        Case {
            members: &[A, " priority 190\n track_script {\n site\n }"],
            found: &["W0656 a.conf:4:2 b.conf:4:2"],
            sound: " priority 190\n track_script {\n chk\n itself\n }",
        },
        // The other family's router is another one, and may be well.
        Case {
            members: &[A, " priority 190\n virtual_ipaddress {\n 2001:db8::1\n }"],
            found: &["E0608 b.conf:4:2 a.conf:9:3"],
            sound: " priority 190",
        },
        Case {
            members: &[A, A_190, " priority 180\n track_script {\n gateway\n }"],
            found: &["W0656 a.conf:4:2 b.conf:4:2 c.conf:4:2"],
            sound: " priority 180",
        },
    ]);
}

const A_190: &str = " priority 190\n track_script {\n gateway\n }";

#[test]
fn in_a_sync_group_a_weight_is_a_fault() {
    let group = "vrrp_sync_group G {\n group {\n VI_1\n }\n track_script {\n gateway\n }\n}\n";
    let tracked = |priority: u8| {
        member(&format!(" priority {priority}\n track_script {{\n chk weight -5\n }}"))
    };
    let in_group = |priority| tracked(priority) + group;
    assert_eq!(
        findings(&[tracked(200), tracked(100)]),
        ["W0655 a.conf:4:13 b.conf:2:11 a.conf:2:11"]
    );
    assert_eq!(findings(&[in_group(200), in_group(100)]), ["W0656 a.conf:39:2 b.conf:39:2"]);
    let weighted = group.replace("track_script", "sync_group_tracking_weight\n track_script");
    assert_eq!(
        findings(&[tracked(200) + &weighted, tracked(100)]),
        ["W0655 a.conf:4:13 b.conf:2:11 a.conf:2:11"]
    );
}
