//! What an intake must never do: lose, double or misjudge a message, whatever its order, and whenever it starts anew.
