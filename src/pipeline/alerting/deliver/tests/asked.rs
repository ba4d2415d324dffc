//! Those who asked to be told while the city runs: taken up, told, and given up without a restart.

use super::*;
use crate::pipeline::alerting::Reach;
use crate::pipeline::alerting::subscribers::{ServerKey, SubscriptionSettings, Wanted};

fn subscribers(tables: &dyn Tables, reach: Reach) -> Arc<Subscribers> {
    let key = ServerKey::new("a key that is known to this server alone");
    Arc::new(Subscribers::open(&SubscriptionSettings { key, reach }, tables).expect("memory"))
}

/// A subscription to an address: its id, its action and its secret.
fn subscribe(subscribers: &Subscribers, tables: &dyn Tables, url: String) -> (String, String, String) {
    let wanted = Wanted { url, ..Wanted::default() };
    let (made, secret) = subscribers.subscribe(tables, wanted, "ops", at(0)).expect("it can be meant");
    (made.subscription.id.clone(), made.subscription.action(), secret)
}

#[test]
fn who_asks_is_told_from_then_on_and_who_leaves_nothing_more() {
    let tables = MemoryTables::default();
    let subscribers = subscribers(&tables, Reach::ThisMachine);
    let mut deliverer = Deliverer::with(Vec::new()).following(Arc::clone(&subscribers), false);
    assert_eq!(turn(&mut deliverer, &tables, at(0), 0), Turned::default());
    let (address, served) = server(vec![Some(OK.to_vec())]);
    let (id, action, secret) = subscribe(&subscribers, &tables, format!("http://{address}/hook"));
    outbox(&tables, &[notice(0, &action, "a")]);
    assert_eq!(turn(&mut deliverer, &tables, at(1), 0).delivered, 1);
    let requests = served.join().expect("a server");
    let header = |name: &str| requests[0].header(name).to_owned();
    let body = &requests[0].body;
    assert!(verify(secret.as_bytes(), &header("x-citytwin-timestamp"), body, &header("x-citytwin-signature")));
    // What is still to be sent to who has left lies among the dead letters.
    subscribers.unsubscribe(&tables, &id).expect("memory");
    outbox(&tables, &[notice(1, &action, "b")]);
    assert_eq!(turn(&mut deliverer, &tables, at(2), 0).dead, 1);
    let gone = stored(&tables, 1);
    assert_eq!(gone.state, NoticeState::Dead);
    assert!(gone.last_error.is_some_and(|error| error.contains("was deleted")));
}

#[test]
fn what_waits_for_a_next_try_is_given_up_with_its_subscription() {
    let tables = MemoryTables::default();
    let subscribers = subscribers(&tables, Reach::ThisMachine);
    let mut deliverer = Deliverer::with(Vec::new()).following(Arc::clone(&subscribers), false);
    let (address, served) = server(vec![Some(b"HTTP/1.1 500 No\r\nContent-Length: 6\r\n\r\nhidden".to_vec())]);
    let (id, action, _) = subscribe(&subscribers, &tables, format!("http://{address}/"));
    outbox(&tables, &[notice(0, &action, "a")]);
    assert_eq!(turn(&mut deliverer, &tables, at(1), 0).failed, 1);
    drop(served.join());
    // Whoever names an address does not read by it what is there.
    let error = stored(&tables, 0).last_error.expect("a reason");
    assert!(error.contains("500") && !error.contains("hidden"), "{error}");
    subscribers.unsubscribe(&tables, &id).expect("memory");
    let turned = turn(&mut deliverer, &tables, at(1), 0);
    assert_eq!((turned.dead, turned.waiting, turned.next), (1, 0, None));
    // Its place is another's then.
    let (address, served) = server(vec![Some(OK.to_vec())]);
    let (_, action, _) = subscribe(&subscribers, &tables, format!("http://{address}/"));
    outbox(&tables, &[notice(1, &action, "b")]);
    assert_eq!(turn(&mut deliverer, &tables, at(2), 0).delivered, 1);
    assert_eq!((served.join().expect("a server").len(), deliverer.lanes.len()), (1, 1));
}

/// A name is judged by what it leads to: with `localhost` being this machine, whatever reach a server had when it was asked.
#[test]
fn a_name_that_leads_inside_is_not_spoken_to() {
    let tables = MemoryTables::default();
    let (address, _served) = server(Vec::new());
    let (_, action, _) =
        subscribe(&subscribers(&tables, Reach::ThisMachine), &tables, format!("https://localhost:{}/", address.port()));
    let narrower = subscribers(&tables, Reach::Outside);
    let mut deliverer = Deliverer::with(Vec::new()).following(narrower, false);
    outbox(&tables, &[notice(0, &action, "a")]);
    assert_eq!(turn(&mut deliverer, &tables, at(1), 0).dead, 1);
    let error = stored(&tables, 0).last_error.expect("a reason");
    assert!(error.contains("is not spoken to") && error.contains("private: true"), "{error}");
}

/// A city that tells nobody by its file leaves those notices where they are, for when it does.
#[test]
fn notices_of_a_file_that_is_not_followed_are_left() {
    let tables = MemoryTables::default();
    let subscribers = subscribers(&tables, Reach::ThisMachine);
    let (address, served) = server(vec![Some(OK.to_vec())]);
    let (_, action, _) = subscribe(&subscribers, &tables, format!("http://{address}/"));
    let mut deliverer = Deliverer::with(Vec::new()).following(subscribers, true);
    outbox(&tables, &[notice(0, "hook", "a"), notice(1, &action, "b")]);
    let turned = turn(&mut deliverer, &tables, at(1), 0);
    assert_eq!((turned.delivered, turned.dead, served.join().expect("a server").len()), (1, 0, 1));
    let courier = Told::always(Outcome::Delivered);
    let mut later = with(&[("hook", &courier)]);
    assert_eq!(turn(&mut later, &tables, at(2), 0).delivered, 1);
    assert_eq!(courier.given(), ["a-firing"]);
}
